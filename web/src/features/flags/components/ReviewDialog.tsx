import { Button, Group, Modal, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';

import { Note } from '@/components/Note';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { isOvertaken } from '@/features/flags/api/useSaveTargeting';
import classes from '@/features/flags/components/Targeting.module.css';
import { environmentQuery } from '@/lib/api/environment';
import { sentence } from '@/lib/sentence';

interface ReviewDialogProps {
  at: FlagPlace;
  flag: Flag;
  opened: boolean;
  /** What changes, in words. */
  changes: readonly string[];
  /** What somebody else changed meanwhile. */
  conflict: ReactNode;
  busy: boolean;
  error: Error | null;
  onSave: (comment: string) => void;
  onClose: () => void;
}

/** Shows every change before it is saved, with room to say why. */
export function ReviewDialog({ at, flag, opened, onClose, ...review }: ReviewDialogProps) {
  const { data: environment } = useQuery(environmentQuery(at));
  return (
    <Modal opened={opened} onClose={onClose} title={`Save ${flag.name} in ${environment?.name ?? at.environment}?`} size={560} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Review {...review} asksComment={environment?.requireComments ?? false} onClose={onClose} />
    </Modal>
  );
}

type ReviewProps = Omit<ReviewDialogProps, 'at' | 'flag' | 'opened'> & { asksComment: boolean };

function Review({ changes, conflict, busy, error, asksComment, onSave, onClose }: ReviewProps) {
  const [comment, setComment] = useState('');
  const [tried, setTried] = useState(false);
  const lacking = asksComment && comment.trim() === '';
  return (
    <>
      <ul className={classes.changes} aria-label="Changes">
        {changes.map((change) => <li key={change}>{change}</li>)}
      </ul>
      <Textarea
        mt={16} label={asksComment ? 'Comment' : 'Comment (optional)'} description="Stands in the history and in the audit log." value={comment} autosize minRows={2} maxRows={8}
        inputWrapperOrder={['label', 'input', 'error', 'description']} error={tried && lacking && 'This environment asks why. Type a comment.'}
        onChange={(event) => setComment(event.currentTarget.value)} data-autofocus
      />
      {conflict && <div style={{ marginTop: 16 }}>{conflict}</div>}
      {error && !isOvertaken(error) && <div style={{ marginTop: 16 }}><Note tone="bad" role="alert">{sentence(error.message)}</Note></div>}
      <Group justify="flex-end" mt={20} gap={8}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button
          loading={busy}
          onClick={() => {
            setTried(true);
            if (!lacking) onSave(comment.trim());
          }}
        >
          Save
        </Button>
      </Group>
    </>
  );
}
