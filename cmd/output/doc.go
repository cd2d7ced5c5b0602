// Package output is everything sysctr says: results, tables, talk, progress, the output of commands in many containers, and the exit
// code that a process ends with. It decides nothing about containers and reads nothing of the machine; whether a stream is a terminal,
// how wide it is and what time it is are told by the caller.
//
// The words it defines:
//
//   - result: what the caller asked for. It goes to standard output, in a Format, as a List (verbs that look) or a Result (verbs that
//     change).
//   - talk: everything else that is said to a human. It goes to standard error and is silent in quiet mode.
//   - progress: one line on a terminal that is drawn again and again and is gone at the end. Elsewhere there is none.
//   - failure: the shape of an error in JSON: a code for programs, a message and a hint for people.
//   - status: an exit code whose reason needs no more words, such as the one of a command that ran in a container.
//
// One lifecycle: a verb builds a Printer from the streams of its process, opens a Progress over the names it works on, calls Done for
// each from any number of lanes, ends it, hands the Result to Printer.Result and returns Result.Status. The main function gives what
// came back to Printer.Fail, which says what was not said yet and returns the exit code.
//
// Text from containers and from the host's files is hostile: it reaches a terminal only through Clean, which makes control characters
// visible. Output of commands passes unchanged where standard output is no terminal.
package output
