// Run by ChatPageTest with node: Markdown as nodes, on a document that only knows what is needed.
import assert from 'node:assert/strict';

class Node {
  childNodes = [];
  append(...added) {
    for (const each of added.slice()) {
      const node = typeof each === 'string' ? new Text(each) : each;
      node.parent?.childNodes.splice(node.parent.childNodes.indexOf(node), 1);
      node.parent = this;
      this.childNodes.push(node);
    }
  }
  get lastChild() { return this.childNodes.at(-1); }
  remove() { this.parent.childNodes.splice(this.parent.childNodes.indexOf(this), 1); this.parent = null; }
}
class Text extends Node {
  constructor(text) { super(); this.text = text; }
  get html() { return this.text.replaceAll('&', '&amp;').replaceAll('<', '&lt;'); }
}
class Element extends Node {
  dataset = {};
  constructor(tag) { super(); this.tag = tag; this.tagName = tag.toUpperCase(); }
  get html() {
    const shown = ['href', 'start', 'checked'].filter(name => this[name] !== undefined && this[name] !== false)
      .map(name => ` ${name}="${this[name]}"`).join('');
    return `<${this.tag}${shown}>${this.childNodes.map(each => each.html).join('')}</${this.tag}>`;
  }
}
globalThis.document = {createElement: tag => new Element(tag), createTextNode: text => new Text(text)};

const {show} = await import(process.argv[2]);

function html(text) {
  const target = new Element('div');
  show(target, text, 'Copy');
  return target.childNodes.map(each => each.html).join('');
}

const code = (language, text) =>
  `<figure><figcaption><span>${language}</span><button>Copy</button></figcaption><pre><code>${text}</code></pre></figure>`;

const cases = [
  ['plain', '<p>plain</p>'],
  ['one\ntwo\n\nthree', '<p>one<br></br>two</p><p>three</p>'],
  ['# A #\n### B\n#c', '<h3>A</h3><h5>B</h5><p>#c</p>'],
  ['**b** *i* ***x*** ~~d~~ __b__ _i_', '<p><strong>b</strong> <em>i</em> <strong><em>x</em></strong> <del>d</del> <strong>b</strong> <em>i</em></p>'],
  ['**中文**和*斜体*', '<p><strong>中文</strong>和<em>斜体</em></p>'],
  ['a_b_c 2 * 3 * 4 ** 5', '<p>a_b_c 2 * 3 * 4 ** 5</p>'],
  ['\\*not\\* `a*b*` ``x`y``', '<p>*not* <code>a*b*</code> <code>x`y</code></p>'],
  ['- a\n- b\n  - c\n- d', '<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>'],
  ['3. a\n4. b', '<ol start="3"><li>a</li><li>b</li></ol>'],
  ['1. a\n\n   more\n\n2. b', '<ol><li><p>a</p><p>more</p></li><li><p>b</p></li></ol>'],
  ['- [x] done\n- [ ] open', '<ul><li><input checked="true"></input> done</li><li><input></input> open</li></ul>'],
  ['> a\n> - b', '<blockquote><p>a</p><ul><li>b</li></ul></blockquote>'],
  ['```js\na < b\n\n  c\n```\nafter', code('js', 'a &lt; b\n\n  c') + '<p>after</p>'],
  ['```\nopen still', code('', 'open still')],
  ['- a\n  ```\n  x\n    y\n  ```', '<ul><li>a' + code('', 'x\n  y') + '</li></ul>'],
  ['a | b\n--|:-:\n1 | `x\\|y`\n2', '<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><code>x|y</code></td></tr></tbody></table></div><p>2</p>'],
  ['a\n***\nb', '<p>a</p><hr></hr><p>b</p>'],
  ['[t](https://e.org/a_(b)) and https://e.org/x_y.', '<p><a href="https://e.org/a_(b)">t</a> and <a href="https://e.org/x_y">https://e.org/x_y</a>.</p>'],
  ['见https://e.org/利率，好', '<p>见https://e.org/利率，好</p>'],
  ['见 https://e.org/利率，好', '<p>见 <a href="https://e.org/利率">https://e.org/利率</a>，好</p>'],
  ['![alt](https://e.org/p.png)', '<p><a href="https://e.org/p.png">alt</a></p>'],
  ['[x](javascript:alert(1)) [y](data:text/html,z) [z](//e.org)', '<p>[x](javascript:alert(1)) [y](data:text/html,z) [z](//e.org)</p>'],
  ['<script>alert(1)</script> <img src=x onerror=y> &lt;', '<p>&lt;script>alert(1)&lt;/script> &lt;img src=x onerror=y> &amp;lt;</p>'],
];
for (const [text, wanted] of cases) assert.equal(html(text), wanted, JSON.stringify(text));

// What grows keeps its first blocks, and ends as if it had been shown at once.
const whole = cases.map(each => each[0]).join('\n\n');
const grown = new Element('div');
let first = null;
for (let end = 1; end <= whole.length; end++) {
  show(grown, whole.slice(0, end), 'Copy');
  if (end === 20) first = grown.childNodes[0];
}
assert.equal(grown.childNodes.map(each => each.html).join(''), html(whole));
assert.equal(grown.childNodes[0], first);

// Hostile texts end: the caller waits a minute, and in more than linear time these take hours.
const bombs = ['*a ', '**a', '_a', '[', '[a](', '`', '``a` ', '> ', '- ', '  - ', '|a', '|-|-', '~~~~', '~~a',
  '![', 'http://', '\\', '# ', '1. ', '*a_b', '- a\n\n', '   '];
for (const bomb of bombs) html(bomb.repeat(20_000));
