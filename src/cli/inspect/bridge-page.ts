/** The page of the bridge: the hosted inspector in a frame, and a line that says how it goes. */
export function bridgeHtml(inspectorUrl: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>paygate inspect</title>
<link rel="stylesheet" href="/bridge.css">
<script type="module" src="/bridge.js"></script>
</head>
<body>
<p id="status" role="status">Waiting for the inspector at ${inspectorUrl}</p>
<iframe id="inspector" title="XState inspector"></iframe>
</body>
</html>
`;
}

export const BRIDGE_CSS = `
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; font: 14px/1.4 system-ui, sans-serif; }
p { margin: 0; padding: 6px 12px; white-space: pre-line; }
iframe { flex: 1; border: 0; }
@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6eaf0; } }
`;

/**
 * Posts to the inspector's origin only, and only once it has said that it listens. Each time it does (it was loaded again)
 * everything is told anew.
 */
export function bridgeScript(inspectorUrl: string, consoleUrl: string): string {
  const { origin } = new URL(inspectorUrl);
  return `
const ORIGIN = ${JSON.stringify(origin)};
const frame = document.getElementById('inspector');
const status = document.getElementById('status');
const say = (text) => { status.textContent = text; };
let source = null;

const absent = setTimeout(() => say(
  'The hosted inspector (' + ${JSON.stringify(inspectorUrl)} + ') does not answer; it needs the internet.\\n' +
  'The console shows the same without it: ' + ${JSON.stringify(consoleUrl)} + '. Or run the command with --json.'
), 10000);

addEventListener('message', ({ origin, source: sender, data }) => {
  if (origin !== ORIGIN || sender !== frame.contentWindow || data?.type !== '@statelyai.connected') return;
  clearTimeout(absent);
  say('Connected.');
  source?.close();
  source = new EventSource('/events');
  source.addEventListener('wire', (event) => frame.contentWindow.postMessage(JSON.parse(event.data), ORIGIN));
  source.addEventListener('note', (event) => say(JSON.parse(event.data)));
  source.addEventListener('error', () => say('The command has ended.'));
});

// Not before somebody listens: it says only once that it is there.
frame.src = ${JSON.stringify(inspectorUrl)};
`;
}
