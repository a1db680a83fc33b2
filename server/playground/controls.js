// Everything around the pictures: what changes the state, and what else follows from it.
import {compareShow, compareStart} from './compare.js';
import {byId} from './dom.js';
import {editorProblem, editorShow, editorStart} from './editor.js';
import {pretty, problemsClear} from './forms.js';
import {catalogueGet} from './service.js';
import {quickShow, quickStart} from './quick.js';
import {sourceProblem, sourceShow, sourceStart} from './source.js';
import {chosenLayer, nameOf, PIPELINES_MAX, requestOf} from './state.js';
import {curlOf, download, pythonLinesOf, scriptLinesOf} from './takeaway.js';
import {referenceOf} from './view.js';
import {weightsShow as weightsFill} from './weights.js';

export {compareShow as compare} from './compare.js';
export {linksShow} from './links.js';
export {paint} from './source.js';
export {weightsMark} from './weights.js';

let page;

const chosenRequest = () => requestOf(page.get(), page.get().pipelines[page.get().chosen.pipeline]);

function looksShow(state) {
  byId('add').hidden = state.pipelines.length >= PIPELINES_MAX;
  byId('cmap').value = state.cmap;
  byId('shared').checked = state.shared;
  byId('view').replaceChildren(new Option('values', 'outputs'),
    ...state.pipelines.map((layers, i) => new Option(`differences from ${nameOf(layers)}`, i)),
    new Option('how many kernel positions reach each output', 'taps'));
  byId('view').value = referenceOf(state) >= 0 || state.view === 'taps' ? state.view : 'outputs';
}

function takeawayShow() {
  const request = chosenRequest();
  byId('json').textContent = pretty(request);
  byId('curl').textContent = curlOf(request);
  byId('python').textContent = pythonLinesOf(request);
  byId('script').textContent = scriptLinesOf(request);
}

export function show(state) {
  problemsClear();
  sourceShow(state);
  looksShow(state);
  takeawayShow();
  editorShow(state, page.set);
  quickShow(state);
}

// A refusal, at the field that it is about.
export function problemShow(state, pipeline, problem, focus) {
  if ((problem.pointer ?? '').startsWith('/input'))
    sourceProblem(problem, focus);
  else if (pipeline === state.chosen.pipeline)
    editorProblem(state, problem, focus);
}

// plan: of the chosen pipeline
export const weightsShow = (state, plan) =>
  weightsFill(plan.layers[state.chosen.layer], chosenLayer(state).weights);

function looksStart() {
  const change = (id, member, value) => byId(id).addEventListener('change', event =>
    page.set({...page.get(), [member]: value(event.target)}));
  change('view', 'view', control => control.value);
  change('cmap', 'cmap', control => control.value);
  change('shared', 'shared', control => control.checked);
  for (const id of ['input-slice', 'input-channel'])
    byId(id).addEventListener('input', page.draw);
  byId('add').addEventListener('click', () => {
    const {pipelines, chosen} = page.get();
    page.set({...page.get(), pipelines: [...pipelines, structuredClone(pipelines[chosen.pipeline])],
      chosen: {pipeline: pipelines.length, layer: 0}});
  });
}

function takeawayStart() {
  const say = text => { byId('status').textContent = text; };
  for (const button of document.querySelectorAll('[data-download]'))
    button.addEventListener('click', () => download(chosenRequest(), button.dataset.download, page.get().cmap)
      .catch(error => say(error.message)));
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.hidden = !navigator.clipboard; // there is none but on localhost and over TLS
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
      say('Copied.');
    });
  }
}

// of: {get(): the state now, set(state, focus): show and run it, take(state): only show its input,
// draw(): the pictures again}
export async function start(of) {
  page = of;
  sourceStart(page);
  looksStart();
  takeawayStart();
  compareStart(page);
  quickStart(page);
  editorStart(await catalogueGet(), page.get, page.set);
}
