/// The command line. [Main] turns arguments into one verb's call and its outcome into an exit code,
/// [Verbs] lists the verbs, [Environment] holds the variables that are honoured.
@NullMarked
package dev.lathe.app.cli;

import org.jspecify.annotations.NullMarked;
