import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { NotFoundPage } from '@/app/pages/NotFoundPage';
import { EmptyState } from '@/components/EmptyState';
import { ForbiddenState } from '@/components/ForbiddenState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { projectQuery, projectsQuery } from '@/lib/api/environment';
import { usePlace } from '@/lib/place';

/**
 * The address names an environment that is not there, or that this person may not see: says which are.
 * It also stands where an environment has no page with the address.
 */
export function NoEnvironment() {
  const place = usePlace();
  const { data: project } = useQuery(projectQuery(place.project));
  const { data: projects } = useQuery({ ...projectsQuery(), enabled: project === null });
  if (project === undefined || (project === null && !projects)) return null;
  if (project?.environments.some((one) => one.key === place.environment)) return <NotFoundPage />;
  if (projects?.items.length === 0) {
    return (
      <>
        <PageHeader title="No projects" />
        <Panel><ForbiddenState title="There is no project that you may see." lacks={{ action: 'viewProject', resource: `proj/${place.project}` }} /></Panel>
      </>
    );
  }
  const shown = project ? [project] : projects?.items ?? [];
  return (
    <>
      <PageHeader title={project ? `There is no environment “${place.environment}” in this project.` : `There is no project “${place.project}”.`} />
      <Panel>
        <EmptyState
          title="These you can see"
          actions={shown.flatMap((one) => one.environments.map((environment) => (
            <Link key={`${one.key}/${environment.key}`} to="/projects/$project/environments/$environment/segments" params={{ project: one.key, environment: environment.key }}>
              {project ? environment.name : `${one.name} / ${environment.name}`}
            </Link>
          )))}
        >
          The link may be cut off, what it led to was deleted, or your rights do not reach it: seeing a project needs <code>viewProject</code>.
        </EmptyState>
      </Panel>
    </>
  );
}
