// Markdown as DOM nodes. What a model writes is never read as HTML: every character of it ends in a
// text node, or as an attribute that was checked. Images are not loaded. Time is linear in the
// length of the text, whatever it is.

const DEEPEST = 12;
const SCHEMES = /^(https?:\/\/|mailto:)/i;
const BARE_LINK = /^https?:\/\/[^\s<>"'`，。；：！？、（）【】「」『』“”]+/i;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])( +|$)/;
const FENCE = /^( {0,3})(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?: +|$)/;
const QUOTE = /^ {0,3}> ?/;

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/// Shows a text in `target`. Blocks at the beginning that are as they were stay the nodes that they
/// are, so a text that grows costs what is new, and what a reader has marked stays marked.
export function show(target, text, copyLabel) {
  const blocks = split(text.replace(/\r\n?/g, '\n').replace(/\t/g, '    ').split('\n'));
  const shown = target.shownBlocks || [];
  let same = 0;
  while (same < shown.length && same < blocks.length && shown[same] === blocks[same].source) same++;
  while (target.childNodes.length > same) target.lastChild.remove();
  for (const block of blocks.slice(same)) target.append(draw(block, 0, copyLabel));
  target.shownBlocks = blocks.map(block => block.source);
}

/// Lines as blocks, each with the source it was read from.
function split(lines) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === '') {
      at++;
      continue;
    }
    const read = fence(lines, at) || heading(lines, at) || rule(lines, at) || quote(lines, at)
      || list(lines, at) || table(lines, at) || paragraph(lines, at);
    blocks.push({...read.block, source: read.block.kind + '\n' + lines.slice(at, read.end).join('\n')});
    at = read.end;
  }
  return blocks;
}

function fence(lines, at) {
  const open = FENCE.exec(lines[at]);
  if (!open) return null;
  const [, indent, mark, info] = open;
  let end = at + 1;
  while (end < lines.length && !closes(lines[end], mark)) end++;
  const code = lines.slice(at + 1, end).map(line => dedent(line, indent.length));
  return {
    block: {kind: 'code', language: info.trim().split(' ')[0], text: code.join('\n')},
    end: Math.min(lines.length, end + 1),
  };
}

function closes(line, mark) {
  const text = line.trim();
  return text.length >= mark.length && [...text].every(each => each === mark[0]);
}

function dedent(line, most) {
  let count = 0;
  while (count < most && line[count] === ' ') count++;
  return line.slice(count);
}

function heading(lines, at) {
  const open = HEADING.exec(lines[at]);
  if (!open) return null;
  let text = lines[at].slice(open[0].length).trim();
  let end = text.length;
  while (text[end - 1] === '#') end--;
  if (end === 0 || text[end - 1] === ' ') text = text.slice(0, end).trim();
  return {block: {kind: 'heading', level: open[1].length, text}, end: at + 1};
}

function isRule(line) {
  const marks = line.replaceAll(' ', '');
  return marks.length >= 3 && '-*_'.includes(marks[0]) && [...marks].every(each => each === marks[0]);
}

function rule(lines, at) {
  return isRule(lines[at]) ? {block: {kind: 'rule'}, end: at + 1} : null;
}

function quote(lines, at) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end++;
  if (end === at) return null;
  return {block: {kind: 'quote', lines: lines.slice(at, end).map(line => line.replace(QUOTE, ''))}, end};
}

function list(lines, at) {
  const first = ITEM.exec(lines[at]);
  if (!first) return null;
  const ordered = /\d/.test(first[2]);
  const indent = first[1].length;
  const items = [];
  let end = at;
  let loose = false;
  while (end < lines.length) {
    const open = ITEM.exec(lines[end]);
    if (!open || open[1].length > indent + 3 || open[1].length < indent
        || /\d/.test(open[2]) !== ordered || isRule(lines[end])) break;
    const inner = open[0].length;
    const item = [lines[end].slice(inner)];
    end++;
    while (end < lines.length) {
      const line = lines[end];
      const depth = line.length - line.trimStart().length;
      if (line.trim() === '') {
        const next = lines.slice(end, end + 3).find(each => each.trim() !== '');
        if (next === undefined || next.length - next.trimStart().length <= indent) break;
        item.push('');
      } else if (depth > indent) {
        item.push(dedent(line, Math.min(inner, depth)));
      } else if (starts(line) || item.at(-1) === '') {
        break;
      } else {
        item.push(line);
      }
      end++;
    }
    items.push(item);
    const after = next(lines, end);
    const goesOn = after > end && after < lines.length && ITEM.test(lines[after])
      && ITEM.exec(lines[after])[1].length >= indent && /\d/.test(ITEM.exec(lines[after])[2]) === ordered;
    if (goesOn) {
      loose = true;
      end = after;
    }
  }
  return {block: {kind: 'list', ordered, from: parseInt(first[2], 10), items, loose}, end};
}

/// The next line that is not blank.
function next(lines, at) {
  while (at < lines.length && lines[at].trim() === '') at++;
  return at;
}

function cells(line) {
  const row = [];
  let cell = '';
  const text = line.trim().replace(/^\|/, '');
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && text[i + 1] === '|') {
      cell += '|';
      i++;
    } else if (text[i] === '|') {
      row.push(cell.trim());
      cell = '';
    } else {
      cell += text[i];
    }
  }
  if (cell.trim() !== '') row.push(cell.trim());
  return row;
}

function isTable(lines, at) {
  return lines[at].includes('|') && at + 1 < lines.length && lines[at + 1].includes('-')
    && /^[-:| ]+$/.test(lines[at + 1]) && cells(lines[at + 1]).length === cells(lines[at]).length
    && cells(lines[at + 1]).every(cell => /^:?-+:?$/.test(cell));
}

function table(lines, at) {
  if (!isTable(lines, at)) return null;
  const align = cells(lines[at + 1]).map(cell =>
    cell.endsWith(':') ? (cell.startsWith(':') ? 'center' : 'right') : 'left');
  let end = at + 2;
  while (end < lines.length && lines[end].includes('|')) end++;
  return {
    block: {kind: 'table', align, head: cells(lines[at]), rows: lines.slice(at + 2, end).map(cells)},
    end,
  };
}

/// Whether a line begins a block of its own and so ends a paragraph.
function starts(line) {
  return FENCE.test(line) || HEADING.test(line) || QUOTE.test(line) || isRule(line) || ITEM.test(line);
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== '' && !starts(lines[end]) && !isTable(lines, end)) end++;
  return {block: {kind: 'paragraph', text: lines.slice(at, end).map(line => line.trim()).join('\n')}, end};
}

function draw(block, depth, copyLabel) {
  switch (block.kind) {
    case 'code': return code(block, copyLabel);
    case 'heading': return element('h' + Math.min(6, block.level + 2), '', ...inline(block.text, 0));
    case 'rule': return element('hr');
    case 'quote': return element('blockquote', '', ...within(block.lines, depth, copyLabel));
    case 'list': return drawList(block, depth, copyLabel);
    case 'table': return drawTable(block);
    default: return element('p', '', ...inline(block.text, 0));
  }
}

function within(lines, depth, copyLabel) {
  if (depth >= DEEPEST) return [element('p', '', lines.join('\n'))];
  return split(lines).map(block => draw(block, depth + 1, copyLabel));
}

function code(block, copyLabel) {
  const copy = element('button', 'copy-code', copyLabel);
  copy.type = 'button';
  copy.dataset.word = 'copyCode';
  const pre = element('pre', '', element('code', '', block.text));
  pre.tabIndex = 0;
  pre.dir = 'ltr';
  return element('figure', 'code', element('figcaption', '', element('span', '', block.language), copy), pre);
}

function drawList(block, depth, copyLabel) {
  const made = element(block.ordered ? 'ol' : 'ul');
  if (block.ordered && block.from !== 1) made.start = block.from;
  for (const lines of block.items) {
    const item = element('li');
    const task = /^\[([ xX])\] /.exec(lines[0]);
    const content = task ? [lines[0].slice(4), ...lines.slice(1)] : lines;
    if (task) {
      const box = element('input');
      box.type = 'checkbox';
      box.disabled = true;
      box.checked = task[1] !== ' ';
      item.className = 'task';
      item.append(box, ' ');
    }
    for (const part of within(content, depth, copyLabel)) {
      if (!block.loose && part.tagName === 'P') item.append(...part.childNodes);
      else item.append(part);
    }
    made.append(item);
  }
  return made;
}

function drawTable(block) {
  const row = (tag, texts) => element('tr', '', ...block.align.map((align, i) =>
    element(tag, align, ...inline(texts[i] || '', 0))));
  return element('div', 'table', element('table', '',
    element('thead', '', row('th', block.head)),
    element('tbody', '', ...block.rows.map(texts => row('td', texts)))));
}

/// Text with emphasis, code and links as nodes.
function inline(text, depth) {
  const nodes = [];
  const missing = new Set();
  let plain = '';
  const add = (node, end) => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = '';
    nodes.push(node);
    return end;
  };
  let at = 0;
  while (at < text.length) {
    const found = depth < DEEPEST ? special(text, at, depth, missing) : null;
    if (found) {
      at = add(found.node, found.end);
    } else if (text[at] === '\\' && /[!-/:-@[-`{-~]/.test(text[at + 1] || '')) {
      plain += text[at + 1];
      at += 2;
    } else {
      // A run of marks that opens nothing is passed as a whole.
      let end = at + 1;
      if ('*_~`'.includes(text[at])) while (text[end] === text[at]) end++;
      plain += text.slice(at, end);
      at = end;
    }
  }
  if (plain) nodes.push(document.createTextNode(plain));
  return nodes;
}

function special(text, at, depth, missing) {
  switch (text[at]) {
    case '\n': return {node: element('br'), end: at + 1};
    case '`': return codeSpan(text, at, missing);
    case '*': case '_': case '~': return emphasis(text, at, depth, missing);
    case '!': return text[at + 1] === '[' ? link(text, at + 1, depth, missing) : null;
    case '[': return link(text, at, depth, missing);
    case 'h': case 'H': return bareLink(text, at);
    default: return null;
  }
}

function run(text, at) {
  let end = at;
  while (text[end] === text[at]) end++;
  return end - at;
}

function codeSpan(text, at, missing) {
  const length = run(text, at);
  const mark = '`'.repeat(length);
  if (missing.has(mark)) return null;
  let end = text.indexOf(mark, at + length);
  while (end >= 0 && run(text, end) !== length) end = text.indexOf(mark, end + run(text, end));
  if (end < 0) {
    missing.add(mark);
    return null;
  }
  return {node: element('code', '', text.slice(at + length, end).replaceAll('\n', ' ').trim()), end: end + length};
}

function emphasis(text, at, depth, missing) {
  const sign = text[at];
  const length = Math.min(2, run(text, at));
  if (sign === '~' && length < 2) return null;
  if (sign === '_' && isLetter(text[at - 1])) return null;
  if (isSpace(text[at + length])) return null;
  const mark = sign.repeat(length);
  if (missing.has(mark)) return null;
  const end = closing(text, at + length, sign, length);
  if (end < 0) {
    missing.add(mark);
    return null;
  }
  const tag = sign === '~' ? 'del' : length === 2 ? 'strong' : 'em';
  return {node: element(tag, '', ...inline(text.slice(at + length, end), depth + 1)), end: end + length};
}

/// Where the mark that closes an emphasis begins, or -1.
function closing(text, from, sign, length) {
  let at = from;
  while (at < text.length) {
    if (text[at] === '\\') {
      at += 2;
    } else if (text[at] === '`') {
      const marks = run(text, at);
      const end = text.indexOf('`'.repeat(marks), at + marks);
      at = end < 0 || text.indexOf('\n\n', at) >= 0 ? at + marks : end + marks;
    } else if (text[at] === sign) {
      const marks = run(text, at);
      const fits = length === 2 ? marks >= 2 : marks !== 2;
      const closes = !isSpace(text[at - 1]) && at > from && !(sign === '_' && isLetter(text[at + marks]));
      if (fits && closes) return at + marks - length;
      at += marks;
    } else {
      at++;
    }
  }
  return -1;
}

function isSpace(character) {
  return character === undefined || /\s/.test(character);
}

function isLetter(character) {
  return character !== undefined && /[\p{L}\p{N}]/u.test(character);
}

/// `[text](address)`; an image is a link to it.
function link(text, at, depth, missing) {
  if (missing.has('](')) return null;
  const middle = text.indexOf('](', at);
  if (middle < 0) {
    missing.add('](');
    return null;
  }
  const label = text.slice(at + 1, middle);
  if (label.includes('[') && !label.includes(']')) return null;
  let open = 1;
  let end = middle + 2;
  while (end < text.length && open > 0 && text[end] !== '\n') {
    open += text[end] === '(' ? 1 : text[end] === ')' ? -1 : 0;
    end++;
  }
  if (open > 0) return null;
  const address = text.slice(middle + 2, end - 1).trim().split(/\s/)[0].replace(/^<|>$/g, '');
  if (!SCHEMES.test(address)) return null;
  return {node: anchor(address, inline(label || address, DEEPEST)), end};
}

function bareLink(text, at) {
  if (isLetter(text[at - 1])) return null;
  const found = BARE_LINK.exec(text.slice(at, at + 2048));
  if (!found) return null;
  let address = found[0];
  while (/[.,;:!?*_~)\]]$/.test(address) && !(address.endsWith(')') && address.includes('('))) {
    address = address.slice(0, -1);
  }
  return {node: anchor(address, [address]), end: at + address.length};
}

function anchor(address, content) {
  const made = element('a', '', ...content);
  made.href = address;
  made.rel = 'noopener noreferrer nofollow';
  made.target = '_blank';
  made.title = address;
  return made;
}
