/// What an output may look like, and which tokens keep it so: JSON, JSON Schema, regular
/// expressions, choices and GBNF grammars, all compiled to one automaton over bytes.
///
/// Start with [Grammar] (what is allowed), [GrammarCompiler] (for one vocabulary) and
/// [GrammarState] (one output under way). What cannot be held to exactly is refused by name;
/// nothing is ignored. Depends on nothing: a tokenizer comes as a table of bytes, [Vocabulary].
@NullMarked
package dev.lathe.compute.grammar;

import org.jspecify.annotations.NullMarked;
