/** Tools to draw labels on a scene, and to save them as a label map. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import { scenes } from '../api/clients.js';
import { Input, Select } from '../parts/field.js';
import { ErrorNotice } from '../parts/notices.js';
import { useAction } from '../parts/use-loaded.js';
import { cssColor } from '../raster/colors.js';
import { windowOf, type DrawnShape } from './drawn-shape.js';
import type { Tool } from './scene-view.js';

/** Class that a user adds. */
export interface NewClass {
  readonly name: string;
  readonly color: number;
}

/** State of the drawing, which the view shares. */
export interface Drawing {
  readonly tool: Tool;
  readonly label: number;
  readonly side: number;
  readonly shapes: readonly DrawnShape[];
  readonly newClasses: readonly NewClass[];
}

export const emptyDrawing: Drawing = { tool: 'look', label: 1, side: 1, shapes: [], newClasses: [] };

/** Returns a drawing for a scene that somebody else gave more classes: new classes of the drawing come after those. */
export function rebased(drawing: Drawing, before: number, classes: readonly { readonly name: string }[]): Drawing {
  const isThere = (name: string): boolean => classes.some((found) => found.name === name);
  const newClasses = drawing.newClasses.filter(({ name }) => !isThere(name));
  const labelNow = (label: number): number => {
    const added = drawing.newClasses[label - before - 1];
    if (added === undefined) return label;
    const place = newClasses.indexOf(added);
    return place < 0 ? classes.findIndex(({ name }) => name === added.name) + 1 : classes.length + place + 1;
  };
  const shapes = drawing.shapes.map((shape) => ({ ...shape, label: labelNow(shape.label) }));
  return { ...drawing, newClasses, shapes, label: labelNow(drawing.label) };
}

/** Colours of new classes, which can be told apart. */
const newColors = [0xe69f00, 0x56b4e9, 0x009e73, 0xf0e442, 0x0072b2, 0xd55e00, 0xcc79a7, 0x7f3c8d];

const tools: readonly { readonly tool: Tool; readonly text: string }[] = [
  { tool: 'look', text: 'Look' },
  { tool: 'point', text: 'Point' },
  { tool: 'polygon', text: 'Polygon' },
];

export function LabelEditor({
  scene,
  drawing,
  onDrawing,
  onSaved,
  onReload,
}: {
  readonly scene: Scene;
  readonly drawing: Drawing;
  readonly onDrawing: (drawing: Drawing) => void;
  readonly onSaved: (labelMap: string) => void;
  /** Reads the scene again; the drawing stays. */
  readonly onReload: () => void;
}): JSX.Element {
  const { tool, label, side, shapes, newClasses } = drawing;
  const change = (more: Partial<Drawing>): void => onDrawing({ ...drawing, ...more });
  const names = scene.labelMaps.map(({ name }) => name);
  const [name, setName] = useState('');
  const [base, setBase] = useState('');
  const [className, setClassName] = useState('');
  const action = useAction();
  const usual = Array.from({ length: names.length + 1 }, (_, index) => `drawn-${index + 1}`).find(
    (free) => !names.includes(free),
  )!;
  const classes = [...scene.classes, ...newClasses];
  const windows = shapes.flatMap((shape) => windowOf(shape, scene.raster!) ?? []);
  const pixels = windows.reduce((sum, found) => sum + found.pixels, 0);
  const save = async (): Promise<void> => {
    const labelMap = name === '' ? usual : name;
    await scenes.saveLabels({
      ...{ scene: scene.name, sceneDigest: scene.digest, labelMap, base },
      newClasses: newClasses.map((found) => ({ ...found })),
      windows: windows.map(({ window, labels }) => ({ window, labels })),
    });
    onDrawing(emptyDrawing);
    setName('');
    onSaved(labelMap);
  };
  return (
    <section class="card" aria-label="Draw labels">
      <h2>Draw labels</h2>
      <div class="row" role="group" aria-label="Tool">
        {tools.map(({ tool: one, text }) => (
          <button
            key={one}
            type="button"
            aria-pressed={tool === one}
            disabled={one !== 'look' && classes.length === 0}
            onClick={() => change({ tool: one })}
          >
            {text}
          </button>
        ))}
      </div>
      <Select
        label="Class"
        value={String(label)}
        choices={[
          ...classes.map((found, index) => ({ value: String(index + 1), text: found.name })),
          { value: '0', text: '(take labels away)' },
        ]}
        onChange={(value) => change({ label: Number(value) })}
      />
      <p>
        <span
          class="swatch"
          style={{ background: label === 0 ? 'transparent' : cssColor(classes[label - 1]?.color) }}
          aria-hidden="true"
        />
        {label === 0 ? 'no class' : (classes[label - 1]?.name ?? 'Add a class first.')}
      </p>
      <Select
        label="Size of a point"
        value={String(side)}
        choices={[1, 3, 5, 9].map((value) => ({ value: String(value), text: `${value} × ${value} pixels` }))}
        onChange={(value) => change({ side: Number(value) })}
      />
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (className.trim() === '') return;
          const color = newColors[newClasses.length % newColors.length]!;
          change({ newClasses: [...newClasses, { name: className.trim(), color }], label: classes.length + 1 });
          setClassName('');
        }}
      >
        <Input label="New class" value={className} onChange={setClassName} />
        <button>Add class</button>
      </form>
      <AddPoint
        scene={scene}
        onPoint={(row, column) =>
          change({ shapes: [...shapes, { kind: 'point', corners: [[column + 0.5, row + 0.5]], label, side }] })
        }
      />
      <p aria-live="polite">
        {shapes.length === 1 ? '1 shape' : `${shapes.length} shapes`}, {pixels === 1 ? '1 pixel' : `${pixels} pixels`}
      </p>
      <div class="row">
        <button type="button" disabled={shapes.length === 0} onClick={() => change({ shapes: shapes.slice(0, -1) })}>
          Undo
        </button>
        <button type="button" disabled={shapes.length === 0} onClick={() => change({ shapes: [] })}>
          Clear
        </button>
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          action.run(save);
        }}
      >
        <Input label="Name of the new label map" value={name === '' ? usual : name} onChange={setName} />
        <Select
          label="Begin with"
          value={base}
          choices={[{ value: '', text: 'no labels' }, ...names.map((found) => ({ value: found, text: found }))]}
          onChange={setBase}
        />
        <button class="primary" disabled={pixels === 0 || action.isBusy}>
          Save labels
        </button>
      </form>
      <ErrorNotice error={action.error} />
      {action.error?.code === 'LABELS_CHANGED' && (
        <button
          type="button"
          onClick={() => {
            action.forget();
            onReload();
          }}
        >
          Load the other labels, and keep my shapes
        </button>
      )}
    </section>
  );
}

/** Point by its row and column, for those who use the keyboard. */
function AddPoint({
  scene,
  onPoint,
}: {
  readonly scene: Scene;
  readonly onPoint: (row: number, column: number) => void;
}): JSX.Element {
  const [row, setRow] = useState('0');
  const [column, setColumn] = useState('0');
  const { height, width } = scene.raster!;
  return (
    <details>
      <summary>Point by numbers</summary>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          onPoint(Number(row), Number(column));
        }}
      >
        <Input label="Row" type="number" min={0} max={height - 1} value={row} onChange={setRow} />
        <Input label="Column" type="number" min={0} max={width - 1} value={column} onChange={setColumn} />
        <button>Add point</button>
      </form>
    </details>
  );
}
