/* What the models share. A property is an assertion that CHECK can pick out: -DCHECK=ORDER looks for that one alone.
 *
 *  ONCE   a transaction is decided at most once
 *  KEPT   a message is acknowledged only after its outcome is in the ledger, and at the end everything is decided
 *  ORDER  a transaction is decided for the first time after all that its queue delivered before it
 *  OWNER  only the node that the present epoch was given to writes
 *  FRESH  an owner decides from the ledger as it is; only an unknown outcome of its own may have moved it
 *  CALM   no owner at work loses its shard because leases were lost
 *  ENDS   no run gets stuck (where it ends, all is decided and acknowledged), and none goes in circles
 */
#define ONCE  1
#define KEPT  2
#define ORDER 4
#define OWNER 8
#define FRESH 16
#define ENDS  32
#define CALM  64
#ifndef CHECK
#define CHECK 127
#endif
#define MUST(property, condition) assert((CHECK & (property)) == 0 || (condition))

#define NODES 2
#define OTHER(n) (1 - (n))
#define NOBODY 2
