import { Input, Switch, TextInput, UnstyledButton } from '@mantine/core';

import { EnvironmentDot } from '@/components/EnvironmentDot';
import type { EnvironmentDetails } from '@/features/settings/api/environments';
import classes from '@/features/settings/components/Settings.module.css';

const below = ['label', 'input', 'error', 'description'] as const;
const colors = ['00DA7B', '417505', '3D4FC4', '8090F0', 'EBFF38', 'F2BC5E', 'D4606A', '838B9C'];

interface EnvironmentFieldsProps {
  details: EnvironmentDetails;
  onChange: (change: Partial<EnvironmentDetails>) => void;
  /** Whether what is missing is said. */
  tried?: boolean;
  /** Why somebody may not change a detail. */
  refused?: Partial<Record<keyof EnvironmentDetails, string>>;
}

/** Whether a colour is one: six hexadecimal digits. */
export function isColor(color: string): boolean {
  return /^[0-9a-f]{6}$/i.test(color);
}

/** Colour, critical and secure mode of an environment. */
export function EnvironmentFields({ details, onChange, tried = false, refused = {} }: EnvironmentFieldsProps) {
  const { color, critical } = details;
  return (
    <>
      <TextInput
        label="Colour" value={color} onChange={(event) => onChange({ color: event.currentTarget.value.replace('#', '').toUpperCase() })} maxLength={7} spellCheck={false}
        leftSection={<EnvironmentDot environment={{ color: isColor(color) ? color : '838B9C', critical }} />} inputWrapperOrder={[...below]}
        error={tried && !isColor(color) && 'A colour has six hexadecimal digits.'} description={refused.color} readOnly={refused.color !== undefined}
      />
      {refused.color === undefined && (
        <Input.Wrapper>
          <div className={classes.swatches} role="group" aria-label="Colours to choose from">
            {colors.map((one) => (
              <UnstyledButton key={one} aria-label={`Colour ${one}`} aria-pressed={one === color} className={classes.swatch} onClick={() => onChange({ color: one })}>
                <EnvironmentDot environment={{ color: one, critical: one === color }} />
              </UnstyledButton>
            ))}
          </div>
        </Input.Wrapper>
      )}
      <Switch
        label="Critical" checked={critical} onChange={(event) => onChange({ critical: event.currentTarget.checked })}
        disabled={refused.critical !== undefined} description={refused.critical ?? 'Like production: changes are confirmed first, and the dot has a ring.'}
      />
      <Switch
        label="Secure mode" checked={details.secureMode} onChange={(event) => onChange({ secureMode: event.currentTarget.checked })}
        disabled={refused.secureMode !== undefined}
        description={refused.secureMode ?? 'Browsers must send a hash that your server made with the SDK key, so that nobody can ask for the flags of somebody else.'}
      />
    </>
  );
}
