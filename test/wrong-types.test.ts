import * as data from '../src/data/index';
import * as model from '../src/model/index';
import * as predict from '../src/predict/index';
import { tf } from '../src/tf/index';
import * as train from '../src/train/index';
import * as viz from '../src/viz/index';
import { barSet } from './support/sets';

type Function_ = (...args: unknown[]) => unknown;
const set = barSet(10);
const disposed = (() => {
  const tensor = tf.ones([2, 2]);
  tensor.dispose();
  return tensor;
})();
const gone = (() => {
  const network = model.alexnet({ inputSize: 63 });
  network.dispose();
  return network;
})();

/** Exported functions that take data, and what each is given wrong beside nothing, null, texts and the like. */
const functions: Record<string, [Function_, ...unknown[][]]> = {
  slice: [data.slice as Function_, [{}, 0, 1], [set, -1, 2], [set, 0, 99]],
  splitValidation: [data.splitValidation as Function_, [set, 10]],
  countLabels: [data.countLabels as Function_, [{ ...set, length: 11 }]],
  gatherPixels: [data.gatherPixels as Function_, [set, 'x'], [set, [10]], [set, [-1]]],
  makeBatch: [data.makeBatch as Function_, [set, [0], 0], [set, [], 28]],
  disposeBatch: [data.disposeBatch as Function_],
  epochBatches: [data.epochBatches as Function_, [10, 0], [-1, 2]],
  resize: [data.resize as Function_, [new Uint8Array(5), 2, 2, 4], [new Uint8Array(0), 2, 2, 4]],
  resizeWeights: [data.resizeWeights as Function_, [0, 5]],
  normalise: [data.normalise as Function_],
  loadDataset: [data.loadDataset as Function_, ['train', ''], ['train', 5]],
  layerTable: [model.layerTable as Function_, [model.ALEXNET, {}]],
  totals: [model.totals as Function_],
  alexnet: [model.alexnet as Function_, [{ inputSize: 0 }], [{ dropout: 1 }], [{ seed: 0.5 }]],
  inputSizeOf: [model.inputSizeOf as Function_, [gone]],
  loadModel: [model.loadModel as Function_, ['']],
  train: [train.train as Function_, [gone, set], [{}, set]],
  trainStep: [train.trainStep as Function_, [gone, null, set, [[0]]]],
  validate: [train.validate as Function_, [gone, set]],
  weightsSha256: [train.weightsSha256 as Function_, [gone]],
  trainableVariables: [train.trainableVariables as Function_, [gone]],
  trainingMemory: [train.trainingMemory as Function_, [gone, 1]],
  crossEntropySum: [train.crossEntropySum as Function_, [disposed, tf.ones([2])]],
  countCorrect: [train.countCorrect as Function_, [tf.ones([2, 2]), disposed]],
  checkNewRun: [train.checkNewRun as Function_, ['']],
  readRun: [train.readRun as Function_, ['']],
  readUnfinished: [train.readUnfinished as Function_, ['']],
  readCheckpoint: [train.readCheckpoint as Function_, ['']],
  scheduledRate: [train.scheduledRate as Function_, ['steep', 1, 1, 1]],
  evaluate: [predict.evaluate as Function_, [gone, set]],
  predictBatch: [predict.predictBatch as Function_, [gone, set, [0]], [gone, set, [99]]],
  confusionMatrix: [predict.confusionMatrix as Function_, [[1, 2], [1], 10], [[], [], 0]],
  mistakes: [predict.mistakes as Function_, [set, { predictions: [], confidences: [] }]],
  calibration: [predict.calibration as Function_, [set, { predictions: [], confidences: [] }]],
  classReports: [predict.classReports as Function_],
  filterImages: [predict.filterImages as Function_, [gone]],
  featureMaps: [predict.featureMaps as Function_, [gone, { pixels: [], width: 0, height: 0 }]],
  predictFile: [predict.predictFile as Function_, [gone, 'nowhere.png']],
  digitSteps: [predict.digitSteps as Function_],
  readDigit: [predict.readDigit as Function_, ['']],
  predictImage: [predict.predictImage as Function_, [gone, { pixels: [], width: 0, height: 0 }]],
  trainRun: [train.trainRun as Function_, ['', gone, set], ['x', gone, set]],
  articleLoop: [train.articleLoop as Function_, [gone, set, [[0]]]],
  saveModel: [model.saveModel as Function_, [gone, 'x'], [{}, 'x']],
  saveStateDict: [model.saveStateDict as Function_, [gone, 'x.pth'], [{}, 'x.pth']],
  downloadDataset: [data.downloadDataset as Function_, ['cifar', { to: 'x' }]],
  lossComparison: [viz.lossComparison as Function_],
  probabilitiesFigure: [viz.probabilitiesFigure as Function_],
  stepsGrid: [viz.stepsGrid as Function_],
  tileGrid: [viz.tileGrid as Function_],
  featureGrid: [viz.featureGrid as Function_],
  sharesFigure: [viz.sharesFigure as Function_],
  classReportFigure: [viz.classReportFigure as Function_],
  calibrationFigure: [viz.calibrationFigure as Function_],
  thinned: [viz.thinned as Function_],
  epochCurves: [viz.epochCurves as Function_],
  stepCurves: [viz.stepCurves as Function_],
  confusionFigure: [viz.confusionFigure as Function_],
  barFigure: [viz.barFigure as Function_, [['a'], []]],
  smooth: [viz.smooth as Function_],
  imageGrid: [viz.imageGrid as Function_, [set, []], [set, [99]]],
};

/** What is right for some. */
const right: Record<string, string[]> = {
  nothing: ['alexnet'],
  emptyLists: [
    ...['normalise', 'epochCurves', 'stepCurves', 'confusionFigure', 'smooth', 'totals'],
    ...['classReports', 'thinned'],
  ],
  texts: ['checkNewRun', 'readUnfinished', 'readCheckpoint'],
  numbers: ['epochBatches', 'resizeWeights'],
  objects: ['alexnet'],
};

test.each(Object.entries(functions))('%s says what is wrong', async (name, [call, ...own]) => {
  const wrong = [[null, null, null], ...own];
  const add = (kind: string, ...args: unknown[]) => {
    if (!right[kind].includes(name)) wrong.push(args);
  };
  add('nothing');
  add('emptyLists', [], [], []);
  add('texts', 'x', 'x', 'x');
  add('numbers', 5, 5, 5);
  add('objects', {}, {}, {});
  const silent: unknown[] = [];
  const before = tf.memory().numTensors;
  for (const args of wrong) {
    const shown = JSON.stringify(
      args.map((arg) => (arg instanceof tf.Tensor ? 'tensor' : arg)),
    )?.slice(0, 60);
    try {
      await call(...args);
      silent.push(`${shown}: accepted`);
    } catch (error) {
      const { name: kind, message } = error as Error;
      if (kind !== 'InputError') silent.push(`${shown}: ${kind}: ${message}`);
    }
  }
  expect(silent).toEqual([]);
  expect(tf.memory().numTensors).toBe(before);
});
