import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { Panel } from '@/components/Panel';
import { deleteEnvironment, keyUsersQuery, type Environment } from '@/features/settings/api/environments';
import type { KeysSearch } from '@/features/settings/api/search';
import classes from '@/features/settings/components/Settings.module.css';
import { projectQuery, projectsKey } from '@/lib/api/environment';
import { useRefusedHere } from '@/lib/api/permission';
import { summaryQuery } from '@/lib/api/summary';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';
import { toast } from '@/lib/toast';

interface DeleteEnvironmentProps {
  place: Place;
  environment: Environment;
  asking: boolean;
  onDialog: (dialog: KeysSearch['dialog']) => void;
}

/** Ends an environment with everything that is in it; the last one of a project stays. */
export function DeleteEnvironment({ place, environment, asking, onDialog }: DeleteEnvironmentProps) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const { data: project } = useQuery(projectQuery(place.project));
  const { data: summary } = useQuery(summaryQuery(place));
  const { data: users } = useQuery(keyUsersQuery(place));
  const refused = useRefusedHere(place, 'deleteEnvironment');
  const other = project?.environments.find((one) => one.key !== place.environment);
  const remove = useMutation({
    mutationFn: () => deleteEnvironment(place),
    onSuccess: async () => {
      await navigate({ to: '/projects/$project/environments/$environment/settings/keys', params: { project: place.project, environment: other?.key ?? '' } });
      await client.invalidateQueries({ queryKey: projectsKey });
      toast(`Deleted ${environment.name}${summary ? ` with ${counted(summary.segments, 'segment')}` : ''}.`);
    },
  });
  return (
    <Panel title="Delete environment">
      <div className={classes.fields}>
        {summary && (
          <p className={classes.text}>
            It has {counted(summary.segments, 'segment')} with {counted(summary.members, 'member')}, and the targeting of {counted(summary.flags, 'flag')}.
          </p>
        )}
        <div>
          <ActionButton
            variant="default" onClick={() => onDialog('delete')}
            refused={refused ?? (other === undefined ? 'It is the last environment of the project, and a project keeps one.' : summary === undefined ? 'It is not known yet what is in it.' : undefined)}
          >
            Delete environment…
          </ActionButton>
        </div>
      </div>
      <ConfirmDialog
        opened={asking && other !== undefined} onClose={() => onDialog(undefined)} title={`Delete ${environment.name}?`} confirm="Delete environment" danger typed={environment.key}
        onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
      >
        <p>
          {summary && `${counted(summary.segments, 'segment')} with ${counted(summary.members, 'member')} and the targeting of ${counted(summary.flags, 'flag')} are gone for good. `}
          {users !== undefined && users > 0 && `${counted(users, 'SDK that is connected loses its', 'SDKs that are connected lose their')} flags. `}
          Tools that push to it are refused with 404.
        </p>
      </ConfirmDialog>
    </Panel>
  );
}
