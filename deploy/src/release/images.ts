import { access, constants } from 'node:fs/promises';
import path from 'node:path';

const builders = ['buildah', 'podman', 'docker'] as const;
type Builder = (typeof builders)[number];

/** Commands that build an image and save it to a file. */
export interface ImagePlan {
  readonly builder: Builder;
  readonly commands: readonly (readonly string[])[];
}

/**
 * Plans the image for processors, with the first builder on the PATH.
 *
 * @param file tar archive to write, in the format of OCI (docker: its own)
 * @returns undefined if there is no builder
 */
export async function planImage(version: string, file: string): Promise<ImagePlan | undefined> {
  for (const builder of builders) {
    if (!(await isOnPath(builder))) continue;
    const tag = `hyperswap:${version}`;
    const { NODE_IMAGE } = process.env;
    const base = NODE_IMAGE === undefined ? [] : ['--build-arg', `NODE_IMAGE=${NODE_IMAGE}`];
    const save = {
      buildah: ['push', tag, `oci-archive:${file}:${tag}`],
      podman: ['save', '--format', 'oci-archive', '--output', file, tag],
      docker: ['save', '--output', file, tag],
    }[builder];
    return { builder, commands: [['build', '-f', 'deploy/Dockerfile', '-t', tag, ...base, '.'], save] };
  }
  return undefined;
}

async function isOnPath(program: string): Promise<boolean> {
  for (const directory of (process.env.PATH ?? '').split(path.delimiter)) {
    const found = await access(path.join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
