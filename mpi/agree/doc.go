// Package agree is how the members of a communicator come to one decision after another although
// some of them fail: what MPIX_Comm_agree and MPIX_Comm_shrink need (ULFM, "Communicator
// agreement"). It is a state machine without I/O: a [Member] is told of votes, messages and
// failures, and says what is to be sent.
//
// # The algorithm
//
// Agreements of a communicator are numbered, and decided one after the other. The coordinator of
// each is the lowest member that has not failed. Every member sends it a vote. When it has one of
// each member that lives, it decides, and tells all.
//
// If a coordinator fails, those who wait send their vote to the next one. That one must not decide
// otherwise than its predecessor may have: so it first asks everybody. Whoever knows the outcome
// answers with it, and with the coordinator that it is of. Whoever does not promises to take none
// of an earlier coordinator any more, and votes. Once all that live have answered, the outcome of
// the highest coordinator is the decision; the votes decide only if nobody knows an outcome. So
// whatever somebody that lives was told, all later coordinators hear of.
//
// A member that knows the decision already and gets a vote for it does the same, unless it was the
// coordinator: it may be held for failed, and the others may have decided without it.
//
// A member keeps its last decision for those who ask. It need not keep the one before: a later
// agreement is decided only if all that live voted in it, which they do once they know all earlier
// decisions.
//
// # What it relies on
//
// Messages between members that live arrive, in any order. Failures are final, and every member
// that lives is told of each. A member that is said to have failed may run on for a while: what it
// says is dropped by those who know, and no decision of those that live depends on when each of
// them learns of it.
package agree
