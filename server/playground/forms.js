// Fields for a layer, made of its row of GET /layers, and what stands in them.
import {byId, element} from './dom.js';
import {upsamples} from './presets.js';

const optionList = (names, chosen) => names.map(name => {
  const option = element('option', {value: name}, name);
  option.selected = name === chosen;
  return option;
});

export function classList(catalogue, chosen) {
  const names = catalogue.map(layer => layer.class_name);
  const group = (label, wanted) => element('optgroup', {label},
    ...optionList(names.filter(name => upsamples(name) === wanted), chosen));
  return [group('Layers that upsample', true), group('Others', false)];
}

// --- JSON for people: lists of numbers on one line ---

export function pretty(value, indent = '') {
  const inner = indent + '  ';
  if (Array.isArray(value)) {
    if (!value.some(item => item !== null && typeof item === 'object'))
      return `[${value.map(item => JSON.stringify(item)).join(', ')}]`;
    return `[\n${value.map(item => inner + pretty(item, inner)).join(',\n')}\n${indent}]`;
  }
  if (value === null || typeof value !== 'object' || Object.keys(value).length === 0)
    return JSON.stringify(value);
  const members = Object.entries(value).map(([name, item]) =>
    `${inner}${JSON.stringify(name)}: ${pretty(item, inner)}`);
  return `{\n${members.join(',\n')}\n${indent}}`;
}

// --- Fields ---

// The choice that a value means: "ones" is the class Ones, "glorot_uniform" is GlorotUniform.
const plain = text => String(text).toLowerCase().replaceAll('_', '');
const choiceFor = (choices, value) => choices.find(choice => plain(choice) === plain(value));

const NOTHING = '(none)';

function controlOf(parameter, start) {
  const id = `parameter-${parameter.name}`;
  const attributes = {id, autocomplete: 'off', 'aria-describedby': `${id}-hint ${id}-error`};
  if (parameter.type === 'bool') {
    const box = element('input', {...attributes, type: 'checkbox'});
    box.checked = start === true;
    return box;
  }
  if (parameter.choices) {
    const names = parameter.nullable ? [NOTHING, ...parameter.choices] : parameter.choices;
    return element('select', attributes,
      ...optionList(names, start === null ? NOTHING : choiceFor(parameter.choices, start)));
  }
  const control = element('input', {...attributes, type: 'text', spellcheck: 'false',
    inputmode: parameter.type === 'float' ? 'decimal' : undefined,
    placeholder: parameter.nullable ? 'none' : undefined});
  control.value = start === null ? '' : typeof start === 'object' ? JSON.stringify(start) : String(start);
  return control;
}

function boundsOf({min, max}) {
  const huge = 2147483647;
  return min === undefined ? '' : max >= huge ? `${min} or more` : `${min} to ${max}`;
}

function hintOf(parameter, row) {
  const several = parameter.type === 'ints' && row.spatial > 1 ? 'one number, or one an axis' : '';
  return [parameter.meaning, boundsOf(parameter), several].filter(Boolean).join('; ');
}

function fieldOf(parameter, row, config) {
  const control = controlOf(parameter, config[parameter.name] ?? parameter.default ?? null);
  return element('div', {class: 'field', 'data-parameter': parameter.name},
    element('label', {for: control.id}, parameter.name),
    control,
    element('p', {class: 'hint', id: `${control.id}-hint`}, hintOf(parameter, row)),
    element('p', {class: 'problem', id: `${control.id}-error`, hidden: ''}));
}

export const fieldsOf = (row, config) => row.parameters.map(parameter => fieldOf(parameter, row, config));

// What stands in a text field: JSON where it is JSON, "2, 3" as a list, else the text itself, which
// the service then refuses in its own words.
function valueOf(text) {
  for (const attempt of [text, `[${text}]`]) {
    try {
      return JSON.parse(attempt);
    } catch {
      continue;
    }
  }
  return text;
}

function parameterValue(parameter) {
  const control = byId(`parameter-${parameter.name}`);
  if (control.type === 'checkbox')
    return control.checked;
  const text = control.value.trim();
  if (parameter.choices)
    return text === NOTHING ? null : text;
  return text === '' ? undefined : valueOf(text);
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b) ||
  (typeof a === 'string' && typeof b === 'string' && plain(a) === plain(b));

// Only what differs from the defaults: the request stays readable.
export function configRead(row) {
  const config = {};
  for (const parameter of row.parameters) {
    const value = parameterValue(parameter);
    if (value !== undefined && (parameter.required || !same(value, parameter.default ?? null)))
      config[parameter.name] = value;
  }
  return config;
}

// --- Problems, at the field they name ---

export function problemsClear() {
  for (const place of document.querySelectorAll('.field .problem'))
    place.hidden = true;
  for (const control of document.querySelectorAll('.field [aria-invalid]'))
    control.removeAttribute('aria-invalid');
}

// False where no field is meant.
export function problemShow(field, detail, focus) {
  const place = field?.querySelector('.problem'), control = field?.querySelector('input, select, textarea');
  if (!place)
    return false;
  place.textContent = detail;
  place.hidden = false;
  control.setAttribute('aria-invalid', 'true');
  if (focus)
    control.focus();
  return true;
}
