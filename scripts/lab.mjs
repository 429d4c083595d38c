// npm run lab [-- JUPYTERLAB OPTIONS]: opens the notebooks in JupyterLab, on this machine only, with a token.
import { fail } from './command.mjs';
import { pythonEnvironment, root } from './environment.mjs';
import { launch } from './launch.mjs';
import { setup } from './setup.mjs';

try {
  await setup();
  process.exitCode = await launch(pythonEnvironment().python, [
    ...['-m', 'jupyterlab', '--ServerApp.ip=127.0.0.1', `--ServerApp.root_dir=${root}`],
    '--LabApp.default_url=/lab/tree/notebooks/01-network.ipynb',
    ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
    ...process.argv.slice(2),
  ]);
} catch (error) {
  fail(error);
}
