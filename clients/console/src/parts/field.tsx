import type { JSX, TargetedEvent } from 'preact';

interface Choice {
  readonly value: string;
  readonly text: string;
}

/** Choice of one of some values. */
export function Select({
  label,
  value,
  choices,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly onChange: (value: string) => void;
}): JSX.Element {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Text or number that a user types. */
export function Input({
  label,
  value,
  onChange,
  type = 'text',
  min,
  max,
  step,
  hint,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly type?: 'text' | 'number' | 'password';
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly hint?: string;
}): JSX.Element {
  const onInput = (event: TargetedEvent<HTMLInputElement>): void => onChange(event.currentTarget.value);
  return (
    <label class="field">
      <span>{label}</span>
      {type === 'number' && <input type="number" {...{ value, min, max, step, onInput }} />}
      {type === 'password' && <input type="password" autocomplete="off" {...{ value, onInput }} />}
      {type === 'text' && <input type="text" autocomplete="off" {...{ value, onInput }} />}
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

/** Slider with its value. */
export function Slider({
  label,
  value,
  onChange,
  unit = '%',
}: {
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
  readonly unit?: string;
}): JSX.Element {
  return (
    <label class="field slider">
      <span>
        {label} {value} {unit}
      </span>
      <input
        type="range"
        min={0}
        max={100}
        value={value}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
    </label>
  );
}

/** Check box. */
export function Check({
  label,
  checked,
  onChange,
}: {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}
