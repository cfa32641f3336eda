/** Commands that show prepared scenes: pictures, and spectra of their classes. */
import path from 'node:path';
import { Option, type Command } from 'commander';
import { failure } from '@hyperswap/errors';
import type { Scene } from '@hyperswap/proto';
import { OutputFolder } from '@hyperswap/raster';
import { callUnary } from '@hyperswap/rpc';
import { chooseBands } from '../look/choose-bands.js';
import { makeQuicklook, type Overlay } from '../look/quicklook.js';
import { classSpectra, spectraCsv } from '../look/spectra.js';
import { spectraSvg } from '../look/spectra-svg.js';
import { withSession, type Session } from '../session.js';
import { Progress, table } from '../terminal.js';

interface QuicklookFlags {
  readonly out: string;
  readonly bands?: string;
  readonly falseColor?: boolean;
  readonly labelMap?: string | true;
  /** Earlier spelling of `--label-map`. */
  readonly labels?: string | true;
  readonly map?: string;
}

interface SpectraFlags {
  readonly out: string;
  readonly labelMap?: string;
  /** Earlier spelling of `--label-map`. */
  readonly labels?: string;
}

/** Adds `quicklook` and `spectra` to the commands of scenes. */
export function addLookCommands(scenes: Command): void {
  scenes
    .command('quicklook')
    .argument('<name>')
    .requiredOption('--out <file.png>', 'picture to write')
    .option('--false-color', 'near infrared, red and green instead of red, green and blue')
    .option('--bands <red,green,blue>', 'numbers of the bands, from 1')
    .option('--label-map [map]', 'draw a label map over it; without a name the first one')
    .addOption(new Option('--labels [map]').hideHelp())
    .option('--map <labels.tif>', 'draw a map that classify wrote over it')
    .description('draw a picture of a scene, stretched from the 2nd to the 98th percentile')
    .action((name: string, flags: QuicklookFlags, command: Command) =>
      withSession(
        command,
        async (session) => {
          const scene = await getScene(session, name);
          const chosen = chooseBands(scene.raster!, flags.falseColor === true ? 'false' : 'true', flags.bands);
          const picture = await makeQuicklook(session, scene, chosen, overlayOf(scene, flags));
          await writeFiles(path.dirname(flags.out), { [path.basename(flags.out)]: picture });
          return { file: flags.out, bands: chosen.bands.map((band) => band + 1), reason: chosen.reason };
        },
        ({ file, reason }) => [`Drew ${file}: ${reason}.`],
        ['preprocessing'],
      ),
    );

  scenes
    .command('spectra')
    .argument('<name>')
    .requiredOption('--out <dir>', 'folder for spectra.svg and spectra.csv')
    .option('--label-map <map>', 'label map with the classes; the first one by default')
    .addOption(new Option('--labels <map>').hideHelp())
    .description('draw the mean spectrum of each class, with its deviation')
    .action((name: string, { out, labelMap, labels = labelMap }: SpectraFlags, command: Command) =>
      withSession(
        command,
        async (session) => {
          const scene = await getScene(session, name);
          const map = labelMapOf(scene, labels);
          const progress = new Progress();
          const spectra = await classSpectra(session, scene, map, (done, total) =>
            progress.update('reading', done, total),
          ).finally(() => progress.stop());
          const title = `${name}: mean spectrum of each class of ${map}, and one standard deviation`;
          await writeFiles(out, {
            'spectra.svg': spectraSvg(title, spectra, scene.raster!),
            'spectra.csv': spectraCsv(spectra, scene.raster!.wavelengths),
          });
          return { out, classes: spectra.map(({ name: found, pixels }) => ({ name: found, pixels })) };
        },
        ({ classes }) => [
          ...table(
            ['class', 'pixels'],
            classes.map(({ name: found, pixels }) => [found, String(pixels)]),
          ),
          `See ${path.join(out, 'spectra.svg')} and ${path.join(out, 'spectra.csv')}.`,
        ],
        ['preprocessing'],
      ),
    );
}

async function getScene({ scenes, signal }: Session, name: string): Promise<Scene> {
  return (await callUnary(scenes, 'getScene', { name }, { signal })).scene!;
}

/** @throws FIELD_INVALID */
function overlayOf(scene: Scene, { labelMap, labels = labelMap, map }: QuicklookFlags): Overlay | undefined {
  if (map !== undefined && labels !== undefined) {
    throw failure('FIELD_INVALID', { field: '--map', reason: 'draw either labels or a map over the picture' });
  }
  if (map !== undefined) return { file: map };
  return labels === undefined ? undefined : { labelMap: labelMapOf(scene, labels === true ? undefined : labels) };
}

/** @throws FIELD_INVALID when the scene has no labels */
function labelMapOf({ name, labelMaps }: Scene, given: string | undefined): string {
  if (given !== undefined) return given;
  const [first] = labelMaps;
  if (first !== undefined) return first.name;
  throw failure('FIELD_INVALID', { field: '--label-map', reason: `scene ${name} has no label map` });
}

async function writeFiles(directory: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const folder = await OutputFolder.open(directory);
  try {
    for (const [name, content] of Object.entries(files)) await folder.write(name, content);
    await folder.commit();
  } finally {
    await folder.discard();
  }
}
