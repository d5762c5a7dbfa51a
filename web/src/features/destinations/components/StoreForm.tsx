import { Button, Checkbox } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState, type SyntheticEvent } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { Note } from '@/components/Note';
import { configOf, missingOf, type Config, type Settings } from '@/features/destinations/api/settings';
import type { Tried } from '@/features/destinations/api/sinks';
import { StoreFields } from '@/features/destinations/components/StoreFields';
import classes from '@/features/destinations/components/StoreFields.module.css';
import { sentence } from '@/lib/sentence';

interface StoreFormProps {
  initial: Settings;
  kept: Config;
  /** The word of the button that ends it. */
  submit: string;
  onTest: (name: string, config: Config) => Promise<Tried>;
  onSubmit: (name: string, config: Config) => void;
  onCancel: () => void;
  busy: boolean;
  error: Error | null;
}

/** The settings of a store, which have to be seen to work before they are kept, unless somebody knows better. */
export function StoreForm({ initial, kept, submit, onTest, onSubmit, onCancel, busy, error }: StoreFormProps) {
  const [settings, setSettings] = useState(initial);
  const [tried, setTried] = useState(false);
  const [skip, setSkip] = useState(false);
  const config = configOf(settings, kept);
  const unchanged = JSON.stringify(config) === JSON.stringify(configOf(initial, kept));
  const isNew = Object.keys(kept).length === 0;
  const test = useMutation({ mutationFn: () => onTest(settings.name.trim(), config) });
  const passed = test.data?.works === true || skip || (!isNew && unchanged);
  const complete = () => {
    setTried(true);
    return Object.keys(missingOf(settings)).length === 0;
  };
  const edit = (next: Settings) => {
    if (JSON.stringify(configOf(next, kept)) !== JSON.stringify(config)) test.reset(); // it says nothing of these settings
    setSettings(next);
  };
  const send = (event: SyntheticEvent) => {
    event.preventDefault();
    if (complete() && passed) onSubmit(settings.name.trim(), config);
  };
  return (
    <form onSubmit={send} noValidate>
      <StoreFields settings={settings} kept={kept} tried={tried} onChange={edit} />
      <div className={classes.foot}>
        {test.data && <TestResult tried={test.data} />}
        {test.error && <Note tone="bad" role="alert">{sentence(test.error.message)}</Note>}
        {error && <Note tone="bad" role="alert">{sentence(error.message)}</Note>}
        {(test.data?.works === false || test.error || skip) && (
          <Checkbox label={`${submit} though it does not work yet`} checked={skip} onChange={(event) => setSkip(event.currentTarget.checked)} />
        )}
      </div>
      <div className={classes.buttons}>
        <Button variant="default" onClick={onCancel}>Cancel</Button>
        <Button variant="default" loading={test.isPending} onClick={() => complete() && test.mutate()}>Test connection</Button>
        {passed
          ? <Button type="submit" loading={busy}>{submit}</Button>
          : <ActionButton refused="Test the connection first." onClick={() => undefined}>{submit}</ActionButton>}
      </div>
    </form>
  );
}

function TestResult({ tried }: { tried: Tried }) {
  if (!tried.works) return <Note tone="bad" role="alert"><b>It does not work.</b> {sentence(tried.error ?? 'The server does not say why')}</Note>;
  return (
    <Note tone={tried.notes.length > 0 ? 'warn' : 'ok'} role="status">
      <b>It works.</b> {tried.notes.map(sentence).join(' ')}
    </Note>
  );
}
