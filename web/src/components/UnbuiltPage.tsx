import { EmptyState } from '@/components/EmptyState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';

interface UnbuiltPageProps {
  title: string;
  /** Where the API has what the page will show. */
  path: string;
}

/** Stands for a page that this build does not have, and says where the same facts are. */
export function UnbuiltPage({ title, path }: UnbuiltPageProps) {
  return (
    <>
      <PageHeader title={title} />
      <Panel>
        <EmptyState title={`${title} has no page in this build`}>
          The API has it: <code>{path}</code>, see the <a href="/ui/api/">reference</a>.
        </EmptyState>
      </Panel>
    </>
  );
}
