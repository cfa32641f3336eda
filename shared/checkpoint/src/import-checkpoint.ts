import { failure } from '@hyperswap/errors';
import { writeBackbone, type BackboneConfig } from '@hyperswap/spectralgpt';
import { convertCheckpoint, type ConversionOptions } from './convert.js';
import { openCheckpoint } from './open-checkpoint.js';

/**
 * Reads a checkpoint of SpectralGPT (`torch.save`'s zip, or safetensors) and writes it as a backbone's files. One
 * tensor is in memory at a time, and nothing in the file is executed.
 *
 * @param directory gets `config.json` and `model.safetensors`
 * @throws FILE_UNREADABLE, STORE_FULL; BACKBONE_INVALID saying what is wrong with the file, and naming tensors that do
 *   not fit
 */
export async function importCheckpoint(
  file: string,
  directory: string,
  options: ConversionOptions = {},
): Promise<BackboneConfig> {
  const checkpoint = await openCheckpoint(file);
  try {
    const { config, tensors } = convertCheckpoint(file, checkpoint, options);
    await writeBackbone(directory, config, tensors, 'F32');
    return config;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') throw failure('STORE_FULL', { key: directory }, cause);
    throw cause;
  } finally {
    checkpoint.close();
  }
}
