// TensorFlow.js in node: tfjs_service.mjs LAYERS.json PORT PROCESSES
//
// A process for each core, as node shares a port. Its backend is WebAssembly: the one of native code is
// downloaded by its package from elsewhere. POST /LAYER takes {"input": nested lists} or an NPY file,
// and answers alike.
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import http from "node:http";

const NPY = "application/x-npy";

function npyParse(body) {
  const view = new DataView(body.buffer, body.byteOffset);
  const start = body[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  return new Float32Array(body.buffer.slice(body.byteOffset + start, body.byteOffset + body.length));
}

function npyWrite(values, shape) {
  let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + "\n";
  const magic = Buffer.from([0x93, 78, 85, 77, 80, 89, 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([magic, Buffer.from(header), Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
}

async function serve(path, port) {
  const tf = (await import("@tensorflow/tfjs")).default;
  await import("@tensorflow/tfjs-backend-wasm");
  await tf.setBackend("wasm");

  const rows = JSON.parse(readFileSync(path));
  for (const row of Object.values(rows)) {
    const { filters, kernel_size: kernelSize, size, ...config } = row.config;
    row.layer = row.class_name === "Conv2DTranspose"
      ? tf.layers.conv2dTranspose({ ...config, filters, kernelSize, inputShape: row.input_shape })
      : tf.layers.upSampling2d({ size: [size, size], inputShape: row.input_shape });
    tf.sequential({ layers: [row.layer] });
    row.layer.setWeights(row.weights.map((w) => tf.tensor(w)));
    row.shape = row.output_shape.at(-1) === 1 ? row.output_shape.slice(0, -1) : row.output_shape;
  }

  async function answer(row, body, form) {
    const x = form === NPY ? npyParse(body) : JSON.parse(body).input;
    const y = tf.tidy(() => {
      return row.layer.apply(tf.tensor(x).reshape([1, ...row.input_shape])).reshape(row.shape);
    });
    const said = form === NPY ? npyWrite(await y.data(), row.shape) : JSON.stringify({ output: await y.array() });
    y.dispose();
    return said;
  }

  http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const row = rows[request.url.slice(1)];
      if (!row) {
        response.writeHead(404).end();
        return;
      }
      const form = request.headers["content-type"];
      const said = await answer(row, Buffer.concat(chunks), form);
      response.writeHead(200, { "Content-Type": form, "Content-Length": Buffer.byteLength(said) }).end(said);
    });
  }).listen(port, "127.0.0.1");
}

const [path, port, processes] = process.argv.slice(2);
if (cluster.isPrimary) {
  for (let i = 0; i < Number(processes); i++) cluster.fork();
} else {
  await serve(path, Number(port));
}
