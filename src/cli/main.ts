/** The program: `npm run train -- …`, `npx alexnet-mnist train …`. A command's code is loaded when it is called. */
import type { Command } from 'commander';
import { Io } from './io';
import { exitCodeOf, newProgram } from './program';

type Define = (command: Command, io: Io) => unknown;

const COMMANDS: Record<string, { description: string; load?: () => Promise<{ define: Define }> }> =
  {
    train: {
      description: 'Trains a network and writes the run to a folder.',
      load: () => import('./train'),
    },
    evaluate: {
      description:
        'Evaluates a trained model on the test images. For a run, also stores the result in its folder, for npm run compare.',
      load: () => import('./evaluate'),
    },
    compare: {
      description: 'Compares training runs: their settings, results and losses.',
      load: () => import('./compare'),
    },
    predict: {
      description: 'Says what is in each picture: a digit, or the class of your own network.',
      load: () => import('./predict'),
    },
    export: {
      description: 'Exports a model to PyTorch, or to a tfjs folder for browsers.',
      load: () => import('./export'),
    },
    data: {
      description: "Downloads a dataset in torchvision's folder layout and checks it.",
      load: () => import('./data'),
    },
    draw: {
      description: 'Serves a page where your network reads the digits you draw.',
      load: () => import('./draw'),
    },
    // Started by scripts/run.mjs, because they run before the packages are installed.
    setup: { description: 'Installs what is missing.' },
    doctor: { description: 'Checks this machine and the installation.' },
    tutorial: { description: 'Runs the notebooks and writes them as pages.' },
    lab: { description: 'Opens the notebooks in JupyterLab.' },
  };

/** Runs the command `argv`, such as `['predict', '--model', 'runs/mine', 'digit.png']`. Returns its exit code. */
export function main(argv: readonly string[], io = new Io()): Promise<number> {
  const program = newProgram('npx alexnet-mnist', 'AlexNet on MNIST in TypeScript.', io);
  return exitCodeOf(io, async () => {
    for (const [name, { description, load }] of Object.entries(COMMANDS)) {
      const command = program.command(name).description(description);
      if (name !== argv[0] || !load) continue;
      command.configureHelp({ commandUsage: () => `npm run ${name} -- ${command.usage()}` });
      (await load()).define(command, io);
    }
    await program.parseAsync(argv, { from: 'user' });
  });
}
