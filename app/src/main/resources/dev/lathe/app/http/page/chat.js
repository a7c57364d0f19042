// The chat page: one or two models answer the same questions side by side.

import {show} from './markdown.js';

const SIDES = ['a', 'b'];
const SAMPLING = ['temperature', 'top_p', 'top_k', 'min_p', 'repetition_penalty', 'max_tokens', 'seed'];
const NAMES = {
  temperature: 'temperature', top_p: 'topP', top_k: 'topK', min_p: 'minP',
  repetition_penalty: 'repetition', max_tokens: 'maxTokens', seed: 'seed',
};
// As the terminal's chat: the likeliest token each time.
const USUAL = {temperature: '0'};
const THEMES = {system: 'themeSystem', light: 'themeLight', dark: 'themeDark'};
const NEAR_END = 60;

const root = document.documentElement;
const at = id => document.getElementById(id);
const pane = at('scroll');
const question = at('question');
const selects = {a: at('modelA'), b: at('modelB')};

let words = {};
let models = [];
let turns = [];
let following = true;

// ---- What is kept: looks and choice of models in the browser, everything else in this tab --------

/// @param storage `localStorage` or `sessionStorage`; either may be closed to the page
function keeper(storage) {
  let kept = {};
  try {
    kept = JSON.parse(window[storage].getItem('lathe')) || {};
  } catch {
    // kept in memory only
  }
  return {
    get: name => kept[name],
    set(name, value) {
      kept[name] = value;
      try {
        window[storage].setItem('lathe', JSON.stringify(kept));
      } catch {
        // kept in memory only
      }
    },
  };
}

const browser = keeper('localStorage');
const tab = keeper('sessionStorage');

// ---- Words ---------------------------------------------------------------------------------------

function word(key, ...values) {
  return values.reduce((text, value, i) => text.replace('{' + i + '}', value), words[key] || '');
}

/// Puts the language's words into everything that names one.
function translate(where) {
  for (const each of where.querySelectorAll('[data-word]')) each.textContent = word(each.dataset.word);
  for (const each of where.querySelectorAll('[data-hint]')) each.placeholder = word(each.dataset.hint);
  for (const each of where.querySelectorAll('[data-label]')) {
    each.setAttribute('aria-label', word(each.dataset.label));
    if (each.matches('button, a')) each.title = word(each.dataset.label);
  }
}

async function speak(language) {
  const answer = await fetch('page/words.' + language + '.json');
  words = await answer.json();
  root.lang = language;
  translate(document);
  at('languageName').textContent = word('languageName');
  nameTheme();
  listModels();
  for (const turn of turns) for (const answer of turn.answers) describe(answer);
}

function nameTheme() {
  const label = word('theme', word(THEMES[root.dataset.theme]));
  at('theme').setAttribute('aria-label', label);
  at('theme').title = label;
}

function announce(text) {
  at('status').textContent = text;
}

// ---- Talking to the server -----------------------------------------------------------------------

function headers() {
  const made = {'Content-Type': 'application/json'};
  if (tab.get('key')) made.Authorization = 'Bearer ' + tab.get('key');
  return made;
}

/// A failure with words for a person.
class Problem extends Error {}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, {...options, headers: headers(), cache: 'no-store'});
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(word('lost'));
  }
  if (answer.ok) return answer;
  if (answer.status === 401) wantKey();
  let message = word('failed', answer.status);
  try {
    message = (await answer.json()).error.message || message;
  } catch {
    // no JSON: the status says what is known
  }
  throw new Problem(answer.status === 401 && !tab.get('key') ? word('keyWanted') : message);
}

/// The objects of a stream of server-sent events.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice(5).trim();
      if (data === '[DONE]') return;
      yield JSON.parse(data);
    }
  }
}

// ---- Models --------------------------------------------------------------------------------------

async function loadModels() {
  try {
    const answer = await ask('v1/models');
    models = (await answer.json()).data;
    if (tab.get('key')) keySays('keyGood', 'good');
  } catch (problem) {
    models = [];
    announce(problem.message);
  }
  const adapter = models.find(model => model.parent);
  if (browser.get('pair') === undefined && adapter && window.innerWidth >= 900) setPair(true);
  listModels();
}

function listModels() {
  const base = models.find(model => !model.parent);
  const adapter = models.find(model => model.parent);
  const usual = {a: base, b: adapter || base};
  for (const side of SIDES) {
    const select = selects[side];
    const wanted = select.value || browser.get('model-' + side);
    select.replaceChildren(...models.map(option));
    select.disabled = models.length === 0;
    if (models.length === 0) select.append(new Option(word('noModels'), ''));
    const found = models.find(model => model.id === wanted) || usual[side];
    if (found) select.value = found.id;
  }
}

function option(model) {
  let text = model.id;
  if (model.root !== model.id) text += '  ·  ' + word('alias', model.root);
  else if (!model.parent) text += '  ·  ' + word('base');
  return new Option(text, model.id);
}

function setPair(pair) {
  document.body.dataset.mode = pair ? 'pair' : 'single';
}

function sides() {
  return document.body.dataset.mode === 'pair' ? SIDES : ['a'];
}

// ---- Turns ---------------------------------------------------------------------------------------

function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function button(key, className, action) {
  const made = make('button', 'plain ' + className, word(key));
  made.type = 'button';
  made.dataset.word = key;
  made.addEventListener('click', () => action(made));
  return made;
}

function addTurn(text) {
  const turn = {text, answers: [], node: make('article', 'turn')};
  const bubble = make('div', 'bubble', text);
  bubble.dir = 'auto';
  const acts = make('div', 'acts', button('edit', 'only-last', () => edit(turn)), button('copy', '', made => copy(text, made)));
  const label = make('h2', 'unseen', word('question'));
  label.dataset.word = 'question';
  const answers = make('div', 'answers');
  turn.node.append(make('div', 'question', label, bubble, acts), answers);
  turns.push(turn);
  at('turns').append(turn.node);
  for (const side of sides()) {
    const answer = newAnswer(turn, side);
    turn.answers.push(answer);
    answers.append(answer.node);
  }
  answers.dataset.count = turn.answers.length;
  document.body.dataset.begun = 'yes';
  following = true;
  return turn;
}

function newAnswer(turn, side) {
  const answer = {turn, side, model: selects[side].value, node: make('section', 'answer side-' + side)};
  answer.content = make('div', 'content');
  answer.content.dir = 'auto';
  answer.thoughts = make('div', 'content');
  const summary = make('summary', '');
  answer.details = make('details', 'thoughts', summary, answer.thoughts);
  answer.details.hidden = true;
  answer.summary = summary;
  answer.problem = make('p', 'problem');
  answer.problem.hidden = true;
  answer.problem.setAttribute('role', 'alert');
  answer.facts = make('span', 'facts');
  const acts = make('div', 'acts',
    answer.facts,
    button('again', 'only-last', () => again(turn)),
    button('copy', '', made => copy(answer.text, made)));
  const letter = make('span', 'side', side.toUpperCase());
  letter.setAttribute('aria-hidden', 'true');
  answer.node.append(
    make('h3', 'who', letter, answer.model),
    answer.details, answer.content, answer.problem, acts);
  reset(answer);
  return answer;
}

function reset(answer) {
  answer.text = '';
  answer.thought = '';
  answer.state = 'waiting';
  answer.error = '';
  answer.finish = '';
  answer.tokens = 0;
  answer.began = performance.now();
  answer.first = 0;
  answer.ended = 0;
  draw(answer);
}

/// What a model has been told and has said before a turn.
function history(turn, side) {
  const messages = [];
  const system = at('system').value.trim();
  if (system) messages.push({role: 'system', content: system});
  for (const each of turns) {
    if (each === turn) break;
    const said = each.answers.find(answer => answer.side === side);
    if (!said || !said.text) continue;
    messages.push({role: 'user', content: each.text}, {role: 'assistant', content: said.text});
  }
  messages.push({role: 'user', content: turn.text});
  return messages;
}

async function run(answer) {
  const control = new AbortController();
  answer.control = control;
  const body = {
    model: answer.model,
    messages: history(answer.turn, answer.side),
    stream: true,
    stream_options: {include_usage: true},
    ...sampling(),
  };
  try {
    const reply = await ask('v1/chat/completions', {
      method: 'POST', body: JSON.stringify(body), signal: control.signal,
    });
    for await (const event of events(reply.body)) {
      if (event.error) throw new Problem(event.error.message);
      take(answer, event);
    }
    answer.state = answer.finish ? 'done' : 'broken';
    if (!answer.finish) answer.error = word('broken');
  } catch (error) {
    if (error.name === 'AbortError') {
      answer.state = 'stopped';
    } else {
      answer.state = 'broken';
      answer.error = error instanceof Problem ? error.message : word('broken');
    }
  }
  answer.ended = performance.now();
  draw(answer);
  showBusy();
}

function take(answer, event) {
  if (event.usage) answer.tokens = event.usage.completion_tokens;
  for (const choice of event.choices || []) {
    const delta = choice.delta || {};
    if (choice.finish_reason) answer.finish = choice.finish_reason;
    if (!delta.content && !delta.reasoning_content) continue;
    if (!answer.first) answer.first = performance.now();
    answer.state = 'live';
    answer.text += delta.content || '';
    answer.thought += delta.reasoning_content || '';
    drawSoon(answer);
  }
}

/// Draws at most once a frame.
function drawSoon(answer) {
  if (answer.drawing) return;
  answer.drawing = true;
  requestAnimationFrame(() => {
    answer.drawing = false;
    draw(answer);
  });
}

function draw(answer) {
  const live = answer.state === 'live' || answer.state === 'waiting';
  show(answer.content, answer.text, word('copyCode'));
  answer.node.dataset.state = answer.state;
  answer.node.setAttribute('aria-busy', String(live));
  if (answer.thought) {
    const open = answer.text === '' && live;
    if (answer.details.hidden || (answer.wasOpen && !open)) answer.details.open = open;
    answer.wasOpen = open;
    answer.details.hidden = false;
    show(answer.thoughts, answer.thought, word('copyCode'));
  } else {
    answer.details.hidden = true;
  }
  describe(answer);
  if (following) pane.scrollTop = pane.scrollHeight;
}

/// The words around an answer, in the language of now.
function describe(answer) {
  const live = answer.state === 'live' || answer.state === 'waiting';
  answer.summary.textContent = word(live && !answer.text ? 'thinking' : 'thoughts');
  answer.content.dataset.waiting = word('waiting');
  answer.problem.textContent = answer.error;
  answer.problem.hidden = !answer.error;
  const facts = [];
  if (answer.state === 'stopped') facts.push(word('stopped'));
  if (answer.finish === 'length') facts.push(word('cut'));
  if (answer.state === 'done' && !answer.text) facts.push(word('empty'));
  if (answer.tokens) facts.push(word('tokens', answer.tokens));
  const seconds = (answer.ended - answer.first) / 1000;
  if (answer.tokens > 1 && seconds > 0.05) facts.push(word('speed', ((answer.tokens - 1) / seconds).toFixed(1)));
  if (answer.first && !live) facts.push(word('first', ((answer.first - answer.began) / 1000).toFixed(2)));
  answer.facts.textContent = facts.join(' · ');
}

function isBusy() {
  return turns.some(turn => turn.answers.some(answer => answer.state === 'live' || answer.state === 'waiting'));
}

function showBusy() {
  const busy = isBusy();
  document.body.dataset.busy = busy ? 'yes' : 'no';
  at('stop').hidden = !busy;
  at('send').hidden = busy;
  at('send').disabled = question.value.trim() === '';
  announce(turns.length ? word(busy ? 'answering' : 'finished') : '');
}

function send() {
  const text = question.value.trim();
  if (!text || isBusy() || !isValid()) return;
  question.value = '';
  grow();
  const turn = addTurn(text);
  turn.answers.forEach(run);
  showBusy();
}

function again(turn) {
  if (isBusy() || !isValid()) return;
  following = true;
  turn.answers.forEach(answer => {
    reset(answer);
    run(answer);
  });
  showBusy();
}

function edit(turn) {
  stop();
  forget(turn);
  question.value = turn.text;
  grow();
  question.focus();
  showBusy();
}

function forget(turn) {
  turns = turns.filter(each => each !== turn);
  turn.node.remove();
  if (turns.length === 0) document.body.dataset.begun = 'no';
}

function stop() {
  for (const turn of turns) {
    for (const answer of turn.answers) if (answer.control && !answer.ended) answer.control.abort();
  }
}

function clear() {
  stop();
  turns.slice().forEach(forget);
  announce('');
  showBusy();
  question.focus();
}

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // a page that came over plain HTTP from another machine may not use the clipboard's own way
    const field = make('textarea', 'unseen', text);
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
  from.textContent = word('copied');
  announce(word('copied'));
  setTimeout(() => {
    from.textContent = word(from.dataset.word);
  }, 1400);
}

// ---- Settings ------------------------------------------------------------------------------------

function sampling() {
  const chosen = {};
  for (const id of SAMPLING) if (at(id).value !== '') chosen[id] = Number(at(id).value);
  return chosen;
}

function isValid() {
  const wrong = SAMPLING.map(at).find(field => !field.checkValidity());
  if (!wrong) return true;
  setSettings(true);
  wrong.focus();
  announce(word('badSetting', word(NAMES[wrong.id])));
  wrong.reportValidity();
  return false;
}

function setSettings(open) {
  at('settings').hidden = !open;
  at('settingsButton').setAttribute('aria-expanded', String(open));
}

function wantKey() {
  setSettings(true);
  keySays(tab.get('key') ? 'keyWrong' : 'keyWanted', 'bad');
  at('key').focus();
}

/// Says how it is with the key; from then on its field is there.
function keySays(key, tone) {
  at('keyField').hidden = false;
  at('keyHelp').dataset.word = key;
  at('keyHelp').dataset.tone = tone;
  at('keyHelp').textContent = word(key);
}

async function useKey() {
  tab.set('key', at('key').value.trim());
  keySays('keyHelp', '');
  await loadModels();
  if (models.length > 0 && window.innerWidth < 820) setSettings(false);
  if (models.length > 0) question.focus();
}

/// Lets the question's field be as high as what is in it.
function grow() {
  question.style.height = 'auto';
  question.style.height = question.scrollHeight + 'px';
  at('send').disabled = question.value.trim() === '';
}

// ---- What a person does --------------------------------------------------------------------------

question.addEventListener('keydown', event => {
  // Enter that chooses a word of an input method is no Enter; Safari tells by the code alone.
  if (event.isComposing || event.keyCode === 229) return;
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    send();
  } else if (event.key === 'ArrowUp' && question.value === '' && turns.length > 0) {
    event.preventDefault();
    question.value = turns.at(-1).text;
    grow();
  }
});
question.addEventListener('input', grow);

document.addEventListener('keydown', event => {
  if (event.key !== 'Escape' || event.isComposing) return;
  if (isBusy()) stop();
  else if (!at('settings').hidden) {
    setSettings(false);
    at('settingsButton').focus();
  }
});

at('composer').addEventListener('submit', event => {
  event.preventDefault();
  send();
});
at('stop').addEventListener('click', () => {
  stop();
  question.focus();
});
at('clear').addEventListener('click', clear);
document.querySelector('.brand').addEventListener('click', event => {
  event.preventDefault();
  clear();
});
at('compare').addEventListener('click', () => {
  browser.set('pair', true);
  setPair(true);
  selects.b.focus();
});
at('single').addEventListener('click', () => {
  browser.set('pair', false);
  setPair(false);
  at('compare').focus();
});
for (const side of SIDES) {
  selects[side].addEventListener('change', () => browser.set('model-' + side, selects[side].value));
}
at('language').addEventListener('click', () => {
  const language = root.lang === 'zh' ? 'en' : 'zh';
  browser.set('language', language);
  speak(language);
});
at('theme').addEventListener('click', () => {
  const names = Object.keys(THEMES);
  root.dataset.theme = names[(names.indexOf(root.dataset.theme) + 1) % names.length];
  browser.set('theme', root.dataset.theme);
  nameTheme();
});
at('settingsButton').addEventListener('click', () => {
  setSettings(at('settings').hidden);
  if (!at('settings').hidden) at('system').focus();
});
at('settingsClose').addEventListener('click', () => {
  setSettings(false);
  at('settingsButton').focus();
});
at('sampling').addEventListener('submit', event => event.preventDefault());
for (const id of [...SAMPLING, 'system']) {
  at(id).value = tab.get(id) ?? USUAL[id] ?? '';
  at(id).addEventListener('input', () => tab.set(id, at(id).value));
}
at('defaults').addEventListener('click', () => {
  for (const id of SAMPLING) {
    at(id).value = USUAL[id] ?? '';
    tab.set(id, at(id).value);
  }
});
at('keyUse').addEventListener('click', useKey);
at('key').addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.isComposing) {
    event.preventDefault();
    useKey();
  }
});
document.addEventListener('click', event => {
  const made = event.target.closest('.copy-code');
  if (made) copy(made.closest('figure').querySelector('code').textContent, made);
});
pane.addEventListener('scroll', () => {
  following = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_END;
  at('down').hidden = following;
});
at('down').addEventListener('click', () => {
  following = true;
  pane.scrollTo({top: pane.scrollHeight, behavior: 'smooth'});
});
window.addEventListener('focus', () => {
  if (!isBusy() && models.length > 0) loadModels();
});

setPair(browser.get('pair') === true);
document.body.dataset.begun = 'no';
at('key').value = tab.get('key') || '';
await speak(root.lang);
await loadModels();
showBusy();
