import type { PinnedWheel } from '@hyperswap/pypi';

/** One of NVIDIA's wheels, with what the engine takes of it. */
export interface NvidiaWheel extends PinnedWheel {
  /** Beginnings of the names of members to unpack. */
  readonly members: readonly string[];
  /** Libraries that TensorFlow loads by name, or that those need. */
  readonly libraries: readonly string[];
}

/** NVIDIA's driver must not be older: https://docs.nvidia.com/cuda/cuda-toolkit-release-notes, for CUDA 12. */
export const oldestDriver = '525.60.13';
/** Library of the driver. It belongs to the machine and is in no wheel. */
export const driverLibrary = 'libcuda.so.1';

/**
 * Wheels that the extra `and-cuda` of TensorFlow 2.21 asks for, in the versions of CUDA 12.9. They unpack to `nvidia/`,
 * where the run path of TensorFlow's libraries looks for them: `$ORIGIN/../nvidia/cublas/lib` and so on.
 */
export const nvidiaWheels: readonly NvidiaWheel[] = [
  wheel('cublas', '12.9.1.4', 'manylinux_2_27', '453611eb21a7c1f2c2156ed9f3a45b691deda0440ec550860290dc901af5b4c2', [
    'libcublas.so.12',
    'libcublasLt.so.12',
  ]),
  wheel('cuda_cupti', '12.9.79', 'manylinux_2_25', '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f', [
    'libcupti.so.12',
  ]),
  {
    ...wheel(
      'cuda_nvcc',
      '12.9.86',
      'manylinux2010',
      '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
      [],
    ),
    // XLA assembles and links kernels with these two.
    members: ['nvidia/cuda_nvcc/bin/ptxas', 'nvidia/cuda_nvcc/nvvm/libdevice/'],
  },
  wheel('cuda_nvrtc', '12.9.86', 'manylinux2010', '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4', [
    'libnvrtc.so.12',
  ]),
  wheel(
    'cuda_runtime',
    '12.9.79',
    'manylinux2014',
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
    ['libcudart.so.12'],
  ),
  wheel('cudnn', '9.10.2.21', 'manylinux_2_27', '949452be657fa16687d0930933f032835951ef0892b37d2d53824d1a84dc97a8', [
    'libcudnn.so.9',
    'libcudnn_ops.so.9',
    'libcudnn_graph.so.9',
  ]),
  wheel('cufft', '11.4.1.4', 'manylinux2014', 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28', [
    'libcufft.so.11',
  ]),
  wheel('curand', '10.3.10.19', 'manylinux_2_27', '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e', [
    'libcurand.so.10',
  ]),
  wheel('cusolver', '11.7.5.82', 'manylinux_2_27', '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88', [
    'libcusolver.so.11',
  ]),
  wheel('cusparse', '12.5.10.65', 'manylinux2014', '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78', [
    'libcusparse.so.12',
  ]),
  wheel('nccl', '2.27.7', 'manylinux2014', 'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa', [
    'libnccl.so.2',
  ]),
  wheel('nvjitlink', '12.9.86', 'manylinux2010', 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9', [
    'libnvJitLink.so.12',
  ]),
];

/** @param folder name of the wheel's folder in `nvidia/` @param libraries names in its folder `lib` */
function wheel(
  folder: string,
  version: string,
  platform: string,
  sha256: string,
  libraries: readonly string[],
): NvidiaWheel {
  return {
    project: `nvidia-${folder.replaceAll('_', '-')}-cu12`,
    version,
    pythonVersion: '3.11',
    platform: `${platform}_x86_64`,
    sha256,
    members: [`nvidia/${folder}/lib/`],
    libraries: libraries.map((name) => `nvidia/${folder}/lib/${name}`),
  };
}
