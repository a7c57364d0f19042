/// Who may do what: [ApiKeys] keeps the keys of those who call a server, [Operation] names what a
/// key can allow, [Caller] is who a request comes from. Knows nothing of HTTP.
@NullMarked
package dev.lathe.platform.access;

import org.jspecify.annotations.NullMarked;
