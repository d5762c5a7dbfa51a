import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import type { Statement } from '@/features/access/api/grant';
import type { Base } from '@/features/access/api/roles';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { projectsQuery, type Project } from '@/lib/api/environment';
import { ApiError } from '@/lib/api/error';
import type { components } from '@/lib/api/schema';

export type ResourceKind = components['schemas']['ResourceKind'];

/** The kinds of resources that policies name, and what can be asked of each. They change only with the server. */
export const actionsQuery = queryOptions({
  queryKey: ['actions'],
  queryFn: async ({ signal }) => answered(await api.GET('/api/v2/actions', { signal })).items,
  staleTime: Infinity,
});

/** What can stand in a policy. */
export interface Vocabulary {
  /** Sorted, each once, after the star for all. */
  actions: string[];
  /** Specifiers of every kind: of everything of the kind, and of what lies in each of the projects found and their environments. */
  resources: string[];
}

/** What can stand in a policy; the server looks for the projects that the specifier being typed may mean. */
export function useVocabulary(typed: string): Vocabulary {
  const [words] = useDebouncedValue(projectWords(typed), 200);
  const { data: kinds } = useQuery(actionsQuery);
  const { data: first } = useQuery(projectsQuery());
  const { data: found } = useQuery(projectsQuery(words));
  return useMemo(() => {
    const projects = new Map([...(found?.items ?? []), ...(first?.items ?? [])].map((project) => [project.key, project]));
    return vocabularyOf(kinds ?? [], [...projects.values()]);
  }, [kinds, first, found]);
}

/** Which projects a specifier means that is being typed: those whose key has the words. */
export function projectWords(typed: string): string {
  const [part = '', name] = (typed.split(':')[0] ?? '').split('/');
  if (name === undefined) return typed.includes(':') ? '' : part;
  return part === 'proj' ? name.replaceAll('*', '') : '';
}

export function vocabularyOf(kinds: readonly ResourceKind[], projects: readonly Pick<Project, 'key' | 'environments'>[]): Vocabulary {
  const every = kinds.map((kind) => kind.resource);
  const inProjects = projects.flatMap(({ key, environments }) => every.filter((spec) => spec.startsWith('proj/*')).flatMap((spec) => {
    const here = spec.replace('proj/*', `proj/${key}`);
    return [here, ...(spec.includes(':env/*') ? environments.map((environment) => here.replace(':env/*', `:env/${environment.key}`)) : [])];
  }));
  const actions = [...new Set(kinds.flatMap((kind) => kind.actions))].sort();
  return { actions: ['*', ...actions], resources: ['*', ...every, ...inProjects] };
}

/** What is asked of a policy that may not be saved yet. */
export interface Question {
  policy: Statement[];
  basePermissions: Base;
  action: string;
  resource: string;
}

/** Whether a policy allows something, and which statement says so. */
export function trialQuery(question: Question) {
  return queryOptions({
    queryKey: ['access-check', question],
    queryFn: async ({ signal }) => answered(await api.POST('/api/v2/access-check', { body: question, signal })),
    enabled: question.action !== '' && question.resource !== '',
    placeholderData: keepPreviousData,
  });
}

/** What the server refuses about the statements of a policy; undefined if they are right. */
export function refusalQuery(policy: Statement[]) {
  return queryOptions({
    queryKey: ['access-check', 'refusal', policy],
    queryFn: async ({ signal }): Promise<{ message: string | undefined }> => {
      try {
        await api.POST('/api/v2/access-check', { body: { policy, action: 'viewProject', resource: 'acct' }, signal });
        return { message: undefined };
      } catch (error) {
        if (error instanceof ApiError && error.status === 400) return { message: error.message };
        throw error;
      }
    },
    staleTime: Infinity,
    placeholderData: keepPreviousData,
  });
}
