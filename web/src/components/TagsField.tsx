import { TagsInput } from '@mantine/core';
import { useState } from 'react';

interface TagsFieldProps {
  value: string[];
  onChange: (tags: string[]) => void;
  /** Tags that other things have. */
  offered: string[];
  /** Why they can't be changed; undefined where they can. */
  refused: string | undefined;
}

/** The tags of something. What is offered goes away with each tag that is added, so that it lies over nothing that comes next, such as the button that saves. */
export function TagsField({ value, onChange, offered, refused }: TagsFieldProps) {
  const [opened, setOpened] = useState(false);
  return (
    <TagsInput
      label="Tags" value={value} data={offered} maxDropdownHeight={220} inputWrapperOrder={['label', 'input', 'error', 'description']}
      placeholder={value.length === 0 ? 'Add a tag' : undefined} description={refused} readOnly={refused !== undefined}
      splitChars={[',', ' ']} openOnFocus={false} dropdownOpened={opened} onDropdownOpen={() => setOpened(true)} onDropdownClose={() => setOpened(false)}
      onChange={(tags) => {
        setOpened(false);
        onChange(tags);
      }}
    />
  );
}
