// Variables of a PromQL text, exchanged for values that a server can read, and back.

const TOKENS = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#.*|\$\{[^}]*\}|\$\w+/g;
// A duration and a number that nobody writes, and that a server writes as they are.
const WEEKS = 9001;
const NUMBER = 90017.0625;

// [text without variables, what brings them back]. Where a duration is due one is put in, a number elsewhere.
export function withoutVariables(text) {
  const held = [];
  const filled = text.replace(TOKENS, (token, at) => {
    if (!token.startsWith("$")) return token;
    const isDuration = /(\[|:|\boffset\s*-?)\s*$/.test(text.slice(0, at));
    const value = isDuration ? `${WEEKS + held.length}w` : String(NUMBER + held.length);
    held.push([value, token]);
    return value;
  });
  return [filled, (answer) => held.reduce((whole, [value, token]) => whole.replace(value, () => token), answer)];
}
