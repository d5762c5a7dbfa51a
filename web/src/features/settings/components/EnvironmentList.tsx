import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { ActionButton } from '@/components/ActionButton';
import { EnvironmentDot } from '@/components/EnvironmentDot';
import { Panel } from '@/components/Panel';
import type { KeysSearch } from '@/features/settings/api/search';
import { NewEnvironment } from '@/features/settings/components/NewEnvironment';
import { NewProject } from '@/features/settings/components/NewProject';
import classes from '@/features/settings/components/Settings.module.css';
import { projectQuery } from '@/lib/api/environment';
import { useRefused } from '@/lib/api/permission';
import type { Place } from '@/lib/place';

interface EnvironmentListProps {
  place: Place;
  dialog: KeysSearch['dialog'];
  onDialog: (dialog: KeysSearch['dialog']) => void;
}

/** The environments of the project, and how to make another, or another project. */
export function EnvironmentList({ place, dialog, onDialog }: EnvironmentListProps) {
  const { data: project } = useQuery(projectQuery(place.project));
  const refused = {
    environment: useRefused('createEnvironment', `proj/${place.project}:env/*`, 'this project'), project: useRefused('createProject', 'proj/*', 'projects'),
  };
  const close = () => onDialog(undefined);
  return (
    <Panel title={`Environments of ${project?.name ?? place.project}`}>
      <div className={classes.fields}>
        <ul className={classes.list}>
          {project?.environments.map((one) => (
            <li key={one.key} className={classes.name}>
              <EnvironmentDot environment={one} />
              <Link
                to="/projects/$project/environments/$environment/settings/keys" params={{ project: place.project, environment: one.key }}
                aria-current={one.key === place.environment ? 'true' : undefined}
              >
                {one.name}
              </Link>
              <code className={classes.hint}>{one.key}</code>
            </li>
          ))}
        </ul>
        <div className={classes.row}>
          <ActionButton variant="default" refused={refused.environment} onClick={() => onDialog('environment')}>Create environment</ActionButton>
          <ActionButton variant="default" refused={refused.project} onClick={() => onDialog('project')}>Create project</ActionButton>
        </div>
      </div>
      <NewEnvironment project={place.project} opened={dialog === 'environment'} onClose={close} />
      <NewProject opened={dialog === 'project'} onClose={close} />
    </Panel>
  );
}
