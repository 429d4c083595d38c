/**
 * The datasets that can be downloaded: mirrors, and the size and MD5 of each file.
 *
 * Names, folders and MD5s are from torchvision/datasets/mnist.py, sizes from its download logs.
 */

export interface DataSource {
  /** For example `Fashion-MNIST`. */
  readonly name: string;
  /** The name in torchvision's layout: the files go to `<to>/<folder>/raw`. */
  readonly folder: string;
  /** Addresses of folders with all the files, tried in this order. */
  readonly mirrors: readonly string[];
  readonly files: readonly SourceFile[];
}

export interface SourceFile {
  readonly name: string;
  readonly bytes: number;
  /** 32 hexadecimal digits. */
  readonly md5: string;
}

export type DatasetName = 'mnist' | 'fashion-mnist' | 'kmnist';

export const SOURCES: Readonly<Record<DatasetName, DataSource>> = {
  mnist: {
    name: 'MNIST',
    folder: 'MNIST',
    mirrors: [
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
    ],
    files: files(
      [9_912_422, 'f68b3c2dcbeaaa9fbdd348bbdeb94873'],
      [28_881, 'd53e105ee54ea40749a09fcbcd1e9432'],
      [1_648_877, '9fb629c4189551a2d022fa330f9573f3'],
      [4_542, 'ec29112dd5afa0611ce80d1b7f02629c'],
    ),
  },
  'fashion-mnist': {
    name: 'Fashion-MNIST',
    folder: 'FashionMNIST',
    mirrors: [
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
      'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
    ],
    files: files(
      [26_421_880, '8d4fb7e6c68d591d4c3dfef9ec88bf0d'],
      [29_515, '25c81989df183df01b3e8a0aad5dffbe'],
      [4_422_102, 'bef4ecab320f06d8554ea6380940ec79'],
      [5_148, 'bb300cfdad3c16e7a12a480ee83cd310'],
    ),
  },
  kmnist: {
    name: 'KMNIST',
    folder: 'KMNIST',
    mirrors: [
      'https://codh.rois.ac.jp/kmnist/dataset/kmnist/',
      'http://codh.rois.ac.jp/kmnist/dataset/kmnist/',
      'https://huggingface.co/datasets/tanganke/kmnist/resolve/53810959241e8f35890445245170c8cec0672f81/raw/',
    ],
    files: files(
      [18_165_135, 'bdb82020997e1d708af4cf47b453dcf7'],
      [29_497, 'e144d726b3acfaa3e44228e80efcd344'],
      [3_041_136, '5c965bf0a639b31b8f53240b1b52f4d7'],
      [5_120, '7320c461ea6c1c855c0b718fb2a4b134'],
    ),
  },
};

export const DATASET_NAMES = Object.keys(SOURCES) as DatasetName[];

function files(...four: [bytes: number, md5: string][]): SourceFile[] {
  const names = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];
  return four.map(([bytes, md5], i) => ({ name: `${names[i]}-ubyte.gz`, bytes, md5 }));
}
