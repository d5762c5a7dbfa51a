import { Button } from '@mantine/core';

import type { Column } from '@/components/DataTable';
import { KeyText } from '@/components/KeyText';
import type { Member } from '@/features/segments/api/members';
import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/Members.module.css';
import { RemoveMember } from '@/features/segments/components/RemoveMember';

interface MemberColumnsProps {
  at: SegmentPlace;
  why: (contextKey: string) => void;
  /** The tool that decides who is in: then nobody is removed here. */
  tool: string | undefined;
  refused: string | undefined;
}

/** The columns of the list of members. */
export function memberColumns({ at, why, tool, refused }: MemberColumnsProps): Column<Member>[] {
  return [
    {
      key: 'key', label: 'Context key',
      cell: (member) => (member.key === undefined
        ? <span className={classes.unknown} title={`SHA-256 ${member.hash ?? ''}`}>A key that muster was never told</span>
        : <KeyText text={member.key} />),
    },
    {
      // Beside two buttons a narrow card has no room for a key.
      key: 'actions', label: 'Explain', numeric: true, card: tool === undefined ? undefined : 'figure',
      cell: ({ key }) => key !== undefined && (
        <div className={classes.rowActions}>
          {tool === undefined && <RemoveMember at={at} contextKey={key} refused={refused} />}
          <Button variant="default" size="compact-md" onClick={() => why(key)}>Why in?</Button>
        </div>
      ),
    },
  ];
}
