/// Questions, answers and what they are worth. [Questions] reads them, [FactMatch] says whether an
/// answer states the expected fact, [Comparison] holds the answers of several candidates side by
/// side, [MarkdownReport] and [HtmlReport] write it down.
@NullMarked
package dev.lathe.platform.evaluation;

import org.jspecify.annotations.NullMarked;
