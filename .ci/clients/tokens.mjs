// Counts tokens, by the encoding of current OpenAI models (o200k_base): of each
// text in the JSON array on stdin, as a JSON array on stdout.
import { Tiktoken } from "js-tiktoken/lite";
import o200k from "js-tiktoken/ranks/o200k_base";
import { readFileSync } from "node:fs";

const encoding = new Tiktoken(o200k);
const texts = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => encoding.encode(text, [], []).length)));
