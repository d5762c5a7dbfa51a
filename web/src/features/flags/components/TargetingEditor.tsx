import { useState } from 'react';

import { Columns } from '@/components/Columns';
import { SaveBar } from '@/components/SaveBar';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag, FlagConfig } from '@/features/flags/api/flags';
import { instructionsOf } from '@/features/flags/api/instructions';
import { useRefusal } from '@/features/flags/api/permission';
import { targetingOf } from '@/features/flags/api/targeting';
import { faultsOf, noFaults } from '@/features/flags/api/targetingFaults';
import { targetingIn, useSaveTargeting } from '@/features/flags/api/useSaveTargeting';
import { useTargeting } from '@/features/flags/api/useTargeting';
import { changesOf } from '@/features/flags/components/changeWords';
import { OffPanel } from '@/features/flags/components/OffPanel';
import { Overtaken } from '@/features/flags/components/Overtaken';
import { PrerequisitesPanel } from '@/features/flags/components/PrerequisitesPanel';
import { RestPanel } from '@/features/flags/components/RestPanel';
import { ReviewDialog } from '@/features/flags/components/ReviewDialog';
import { RuleList } from '@/features/flags/components/RuleList';
import { ServingPanel } from '@/features/flags/components/ServingPanel';
import classes from '@/features/flags/components/Targeting.module.css';
import { TargetsPanel } from '@/features/flags/components/TargetsPanel';
import { TryContext } from '@/features/flags/components/TryContext';
import { useNames } from '@/features/flags/components/useNames';
import { counted } from '@/lib/number';
import { toast } from '@/lib/toast';

interface TargetingEditorProps {
  at: FlagPlace;
  flag: Flag;
  config: FlagConfig;
}

/** Whom the flag serves what: from the contexts that are named down to everyone else, edited in place and saved as one change. */
export function TargetingEditor({ at, flag, config }: TargetingEditorProps) {
  const save = useSaveTargeting(at, flag);
  const { ids, saved, edited, overtaken, edit, discard, settle } = useTargeting(targetingOf(config), idsOf(flag), save.isPending);
  const [reviewing, setReviewing] = useState(false);
  const [tried, setTried] = useState(false);
  const names = useNames(at, flag, overtaken ? [saved, edited, overtaken] : [saved, edited]);
  const refused = {
    prerequisites: useRefusal(at, 'updatePrerequisites'), targets: useRefusal(at, 'updateTargets'), rules: useRefusal(at, 'updateRules'),
    rest: useRefusal(at, 'updateFallthrough'), off: useRefusal(at, 'updateOffVariation'),
  };
  const faults = faultsOf(saved, edited);
  const shown = tried ? faults : noFaults;
  const changes = changesOf(names, saved, edited);
  const instructions = faults.size > 0 ? undefined : instructionsOf(ids, saved, edited);
  const subject = { at, flag, names };
  const leave = () => {
    setReviewing(false);
    setTried(false);
    save.reset();
  };
  const keep = (comment: string) => save.mutate({ saved, instructions: instructions ?? [], comment }, {
    onSuccess: (now) => {
      leave();
      settle(targetingIn(now, at.environment) ?? edited, idsOf(now));
      toast(`Saved ${counted(changes.length, 'change')} of ${flag.name}.`);
    },
  });
  const conflict = overtaken && changes.length > 0 ? <Overtaken at={at} changes={changesOf(names, overtaken, saved)} /> : undefined;
  return (
    <Columns aside={<><TryContext {...subject} saved={saved} edited={edited} instructions={instructions} /><ServingPanel at={at} flag={flag} /></>}>
      <PrerequisitesPanel {...subject} prerequisites={edited.prerequisites} refused={refused.prerequisites} onChange={(prerequisites) => edit(() => ({ prerequisites }))} />
      <TargetsPanel {...subject} targets={edited.targets} fault={shown.get('targets')} refused={refused.targets} onChange={(targets) => edit(() => ({ targets }))} />
      <RuleList {...subject} rules={edited.rules} saved={saved.rules} faults={shown} refused={refused.rules} edit={edit} />
      <RestPanel {...subject} serve={edited.fallthrough} refused={refused.rest} onChange={(fallthrough) => edit(() => ({ fallthrough }))} />
      <OffPanel {...subject} off={edited.off} refused={refused.off} onChange={(off) => edit(() => ({ off }))} />
      <div className={classes.save}>
        {conflict}
        <SaveBar
          changes={changes.length} busy={save.isPending} save="Review and save"
          onSave={() => {
            setTried(true);
            if (faults.size === 0) setReviewing(true);
          }}
          onDiscard={() => {
            leave();
            discard();
          }}
        >
          {faults.size > 0 && tried ? <span role="alert" className={classes.fault}> · {counted(faults.size, 'thing has', 'things have')} to be put right first</span> : ` · ${changes[0] ?? ''}`}
        </SaveBar>
      </div>
      <ReviewDialog
        at={at} flag={flag} opened={reviewing && changes.length > 0} changes={changes} conflict={conflict} busy={save.isPending} error={save.error}
        onSave={keep} onClose={leave}
      />
    </Columns>
  );
}

function idsOf(flag: Flag): string[] {
  return flag.variations.map((variation) => variation._id ?? '');
}
