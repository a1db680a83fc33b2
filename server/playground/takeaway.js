// The same request for other programs, and answers as files.
import {ask} from './service.js';

const quoted = text => text.replaceAll("'", "'\\''");

export const curlOf = request =>
  `curl -d '${quoted(JSON.stringify(request))}' ${location.origin}/upsample`;

// JSON as Python writes it.
const pythonOf = value => JSON.stringify(value).replaceAll(/"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b/g,
  word => ({true: 'True', false: 'False', null: 'None'})[word] ?? word);

const members = (request, write, between) => Object.entries(request)
  .map(([name, value]) => write(name, value)).join(between);

export const pythonLinesOf = request => `import numpy as np
import requests

request = {${members(request, (name, value) => `"${name}": ${pythonOf(value)}`, ',\n           ')}}
answer = requests.post("${location.origin}/upsample", json=request)
answer.raise_for_status()
output = np.array(answer.json()["output"], dtype=np.float32)
print(output.shape, output.min(), output.max())`;

export const scriptLinesOf = request => `const response = await fetch("${location.origin}/upsample", {
  method: "POST",
  headers: {"Content-Type": "application/json"},
  body: JSON.stringify({${members(request, (name, value) => `${name}: ${JSON.stringify(value)}`, ',\n    ')}}),
});
const {shape, output} = await response.json();
console.log(shape, output);`;

export async function download(request, format, cmap) {
  const response = await ask('upsample', {...request, output: {format, ...(format === 'png' ? {cmap} : {})}});
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = `upsampled.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A file as a tensor of a request.
export async function tensorOf(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = Array.from(bytes, byte => String.fromCharCode(byte)).join('');
  const png = text.startsWith('\x89PNG'), npy = text.startsWith('\x93NUMPY');
  if (!png && !npy)
    return JSON.parse(new TextDecoder().decode(bytes));
  return {[png ? 'png' : 'npy']: btoa(text)};
}
