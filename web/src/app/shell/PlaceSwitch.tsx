import { Popover, TextInput, UnstyledButton } from '@mantine/core';
import { useDebouncedValue, useDisclosure } from '@mantine/hooks';
import { IconChevronDown, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useMatches } from '@tanstack/react-router';
import { useState } from 'react';

import { environmentPages, settingsPage } from '@/app/shell/pages';
import classes from '@/app/shell/PlaceSwitch.module.css';
import { EnvironmentDot } from '@/components/EnvironmentDot';
import { projectQuery, projectsQuery } from '@/lib/api/environment';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

/** Shows the project and environment, and leads to the same page of another one. */
export function PlaceSwitch({ place }: { place: Place }) {
  const [open, popover] = useDisclosure(false);
  const [search, setSearch] = useState('');
  const [words] = useDebouncedValue(search.trim(), 200);
  const { data: project } = useQuery(projectQuery(place.project));
  const { data: projects } = useQuery({ ...projectsQuery(words), enabled: open });
  const environment = project?.environments.find((one) => one.key === place.environment);
  const [chosen, choose] = useState<string>();
  const items = projects?.items ?? [];
  // The project shown may not be among the first.
  const found = words === '' && project && !items.some((one) => one.key === project.key) ? [project, ...items] : items;
  const more = (projects?.totalCount ?? 0) - found.length;
  const shown = found.find((one) => one.key === (chosen ?? place.project)) ?? found[0];
  const to = usePageKind();
  const close = () => {
    popover.close();
    setSearch('');
    choose(undefined);
  };
  return (
    <Popover opened={open} onChange={(on) => (on ? popover.open() : close())} position="bottom-start" width={440} trapFocus returnFocus>
      <Popover.Target>
        <UnstyledButton
          className={classes.button}
          aria-label={`Project and environment: ${project?.name ?? place.project}, ${environment?.name ?? place.environment}`}
          onClick={() => (open ? close() : popover.open())}
        >
          <span className={classes.project}>{project?.name ?? place.project}</span>
          <span className={classes.slash}>/</span>
          <EnvironmentDot environment={environment} />
          <b className={classes.environment}>{environment?.name ?? place.environment}</b>
          <IconChevronDown size={14} aria-hidden />
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown className={classes.dropdown} aria-label="Project and environment">
        <TextInput
          aria-label="Search projects" placeholder="Project name or key" leftSection={<IconSearch size={16} aria-hidden />}
          value={search} onChange={(event) => setSearch(event.currentTarget.value)} data-autofocus
        />
        <div className={classes.columns}>
          <ul aria-label="Projects">
            {found.map((one) => (
              <li key={one.key}>
                <UnstyledButton className={classes.item} aria-pressed={one === shown} onClick={() => choose(one.key)}>{one.name}</UnstyledButton>
              </li>
            ))}
          </ul>
          <ul aria-label="Environments">
            {shown?.environments.map((one) => (
              <li key={one.key}>
                <Link
                  to={to} params={{ project: shown.key, environment: one.key }} className={classes.item} onClick={close}
                  aria-current={shown.key === place.project && one.key === place.environment ? 'true' : undefined}
                >
                  <EnvironmentDot environment={one} />
                  {one.name}
                </Link>
              </li>
            ))}
          </ul>
        </div>
        {more > 0 && <p className={classes.none}>{counted(more, 'other project')}: type a part of the name or key.</p>}
        {projects?.items.length === 0 && <p className={classes.none}>No project matches “{search}”.</p>}
      </Popover.Dropdown>
    </Popover>
  );
}

/** The page of an environment that corresponds to the one shown: that of a segment becomes the list. */
function usePageKind() {
  const deepest = useMatches({ select: (matches) => matches.at(-1)?.fullPath ?? '' });
  const page = [...environmentPages, settingsPage].find((one) => deepest.startsWith(one.to));
  return page?.to ?? '/projects/$project/environments/$environment/segments';
}
