/** Processes that OGC clients can execute, described as OGC API – Processes – Part 1 (18-062r2) asks for. */
import { z } from 'zod';
import { isMapFile, mapFileTypes, type MapFile } from '../maps/write-map.js';

/** Inputs of the process `classify`. */
export const classifyInputs = z.strictObject({
  scene: z.string().min(1).max(64).describe('Name of a prepared scene.'),
  adapter: z.string().min(1).max(160).describe('Adapter: a name, name@7 for a version, or name:alias.'),
  probabilities: z.boolean().default(false).describe('Also keep the probability of each class.'),
  agreement: z
    .number()
    .min(0.9)
    .lt(1)
    .optional()
    .describe(
      'Share of pixels that shall have the label of the exact map. With it the model classifies the pixels near borders of classes, and the others are interpolated.',
    ),
});

export type ClassifyInputs = z.infer<typeof classifyInputs>;

/** Inputs of the process `prepare`. */
export const prepareInputs = z.strictObject({
  source: z
    .string()
    .min(1)
    .max(2000)
    .describe(
      'Place of a GeoTIFF that the service reads: store:KEY, or a URL that the operator allows (HYPERSWAP_SCENE_URLS).',
    ),
  name: z.string().min(1).max(64).describe('Name of the prepared scene.'),
  attribution: z.string().max(2000).default('').describe('Source of the data and its licence.'),
});

export type PrepareInputs = z.infer<typeof prepareInputs>;

/** Files of a map, by the name of the output. */
export const mapOutputs = {
  'labels.tif': {
    title: 'Classes',
    description: 'Class of each pixel, with names and colours; 0 is no data.',
  },
  'confidence.tif': { title: 'Confidence', description: 'Probability of that class in 255ths.' },
  'probabilities.tif': {
    title: 'Probabilities',
    description: 'One band a class, in 255ths. Only with the input "probabilities".',
  },
  'labels.qml': { title: 'Style', description: 'Style of the classes for QGIS.' },
} as const satisfies Readonly<Record<MapFile, Output>>;

interface Output {
  readonly title: string;
  readonly description: string;
}

interface Process {
  readonly title: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly inputs: z.ZodObject;
  /** Outputs by name: files of a map, or texts. */
  readonly outputs: Readonly<Record<string, Output>>;
}

export type ProcessId = 'classify' | 'prepare';

/** Processes by their names. */
export const processes: Readonly<Record<ProcessId, Process>> = {
  classify: {
    title: 'Land-cover map of a scene',
    description: 'Classifies all pixels of a prepared scene by an adapter on the frozen backbone.',
    keywords: ['hyperspectral', 'land cover', 'classification'],
    inputs: classifyInputs,
    outputs: mapOutputs,
  },
  prepare: {
    title: 'Preparation of a scene',
    description: 'Reduces the bands of a scene to the components that adapters take, and keeps it under a name.',
    keywords: ['hyperspectral', 'principal components'],
    inputs: prepareInputs,
    outputs: { scene: { title: 'Scene', description: 'Name of the prepared scene.' } },
  },
};

/** Returns the summary of a process. */
export function summaryOf(id: ProcessId): object {
  const { title, description, keywords } = processes[id];
  const outputTransmission = [id === 'classify' ? 'reference' : 'value'];
  return {
    id,
    title,
    description,
    keywords,
    version: '1.0.0',
    jobControlOptions: ['async-execute', 'dismiss'],
    outputTransmission,
  };
}

/** JSON schema of the inputs of a process. */
export function inputSchema(id: ProcessId): {
  readonly properties: Readonly<Record<string, { readonly description: string }>>;
  readonly required: readonly string[];
} {
  const { type, properties, required } = z.toJSONSchema(processes[id].inputs, { io: 'input' });
  return { type, properties, required } as unknown as ReturnType<typeof inputSchema>;
}

/** Returns the description of a process with its inputs and outputs. */
export function describeProcess(id: ProcessId): object {
  const { properties, required } = inputSchema(id);
  const inputs = Object.entries(properties).map(([name, { description, ...schema }]) => {
    const minOccurs = required.includes(name) ? 1 : 0;
    return [name, { title: name, description, schema, minOccurs, maxOccurs: 1 }] as const;
  });
  const outputs = Object.entries(processes[id].outputs).map(([name, { title, description }]) => {
    const schema = { type: 'string', ...(isMapFile(name) && { contentMediaType: mapFileTypes[name] }) };
    return [name, { title, description, schema }] as const;
  });
  return { ...summaryOf(id), inputs: Object.fromEntries(inputs), outputs: Object.fromEntries(outputs) };
}
