/** The model in a Worker: text in, unit vector out. One thread, so the page needs no cross-origin isolation. */
import { Tokenizer } from '@huggingface/tokenizers';
import { InferenceSession, Tensor, env } from 'onnxruntime-web/wasm';
import runtimeCode from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import runtimeModule from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

import { fetchBytes } from './fetch_bytes.js';
import { serveCalls } from './rpc.js';

let session;
let tokenizer;
let maxTokens;

const tell = serveCalls({
  /** `base` is the page's address: files are beside it. */
  async load(base, about) {
    maxTokens = about.max_tokens;
    const loaded = [0, 0];
    const sizes = [about.files['model.onnx'], 0];
    const progress = (i) => (step) => {
      loaded[i] = step.loaded;
      sizes[i] = step.total;
      tell('progress', { loaded: loaded[0] + loaded[1], total: sizes[0] + sizes[1] });
    };
    const [model, wasm, tokens] = await Promise.all([
      fetchBytes(new URL('data/model.onnx', base), progress(0), sizes[0]),
      fetchBytes(new URL(runtimeModule, import.meta.url), progress(1)),
      fetch(new URL('data/tokenizer.json', base)).then((response) => response.json()),
    ]);
    tokenizer = new Tokenizer(tokens, { tokenizer_class: 'BertTokenizer' });
    Object.assign(env.wasm, { numThreads: 1, proxy: false, wasmBinary: wasm.buffer });
    env.wasm.wasmPaths = { mjs: new URL(runtimeCode, import.meta.url).href };
    session = await InferenceSession.create(model, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
    for (const text of ['a', 'a first run is slow', 'so none of yours is it']) await embed(text);
  },
  embed,
});

async function embed(text) {
  const begin = performance.now();
  let { ids } = tokenizer.encode(text);
  if (ids.length > maxTokens) ids = [...ids.slice(0, maxTokens - 1), ids.at(-1)]; // the last one marks the end
  const input = new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
  const { embedding } = await session.run({ input_ids: input });
  return { vector: embedding.data, ms: performance.now() - begin };
}
