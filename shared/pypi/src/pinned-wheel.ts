/** A wheel of the Python package index, pinned by version and content. */
export interface PinnedWheel {
  readonly project: string;
  readonly version: string;
  /** CPython version the wheel is tagged for, for example `3.11`. */
  readonly pythonVersion: string;
  /** Platform tag, for example `manylinux_2_27_x86_64`; omitted for wheels of pure Python. */
  readonly platform?: string;
  readonly sha256: string;
}
