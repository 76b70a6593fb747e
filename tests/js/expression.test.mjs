import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, isPlain } from "../../web/js/state/expression.js";

const value = (text, whole) => evaluate(text, whole).value;
const why = (text) => evaluate(text).why;

test("arithmetic by the rules of school", () => {
  const cases = {
    "512/2+10": 266, " 512 / 2 + 10 ": 266, "2+3*4": 14, "(2+3)*4": 20, "10-4-3": 3, "64/4/2": 8, "-5+3": -2, "2*-3": -6, "--4": 4,
    "1.5*2": 3, ".5": 0.5, "3.": 3, "1e3": 1000, "2.5e-1": 0.25, "((7))": 7, "6×7": 42, "84÷2": 42, "10−4": 6, "2*(3+(4-1))/3": 4, "+8": 8, "（５１２＋８）／２": 260,
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(value(text), expected, text);
});

test("a percentage is a share of the whole, or a factor", () => {
  assert.equal(value("50%", 512), 256);
  assert.equal(value("25%+10", 512), 138);
  assert.equal(value("100%-16", 768), 752);
  assert.equal(value("512*50%", 768), 256);
  assert.equal(value("50%*512", 768), 256);
  assert.equal(value("256/50%", 768), 512);
  assert.equal(value("(25+25)%", 512), 256);
  assert.equal(value("-25%", 512), -128);
  assert.equal(value("50%"), 0.5);
});

test("a unit may stand behind a number where a field has one", () => {
  assert.equal(evaluate("90°", 360, "°").value, 90);
  assert.equal(evaluate("-22.5 ° + 2*45°", 360, "°").value, 67.5);
  for (const text of ["°", "9°°", "90 px"]) assert.equal(evaluate(text, 360, "°").why, "text", text);
  assert.equal(why("90°"), "text");
});

test("what is no arithmetic says why", () => {
  const cases = {
    "": "empty", "  ": "empty", abc: "text", "12px": "text", "1 2": "text", "1..2": "text", "2**3": "text", "5%%": "text", "alert(1)": "text", "1,5": "comma",
    "1,024": "comma", "(1+2": "open", "1+2)": "text", "512/": "end", "2+": "end", "-": "end", "1/0": "zero", "1/(2-2)": "zero", "9e999": "zero", "()": "text",
    "3/0%": "zero", Infinity: "text", "0x10": "text", constructor: "text",
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(why(text), expected, text);
  assert.equal(why("1+".repeat(150)), "long");
  assert.equal(why("(".repeat(100)), "long");
  assert.equal(evaluate("12 apples").at, "apples");
});

test("a plain number is one that counts while it is typed", () => {
  for (const text of ["5", "5.", "-0.5", "1e3", " 12 "]) assert.ok(isPlain(text), text);
  for (const text of ["", "-", "5+", "50%", "5 1", "(5)", "1e"]) assert.ok(!isPlain(text), text);
});
