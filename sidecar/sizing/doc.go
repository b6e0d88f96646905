// Package sizing says what to set: the memory limit of a container and the flags of its JVM.
//
// It is pure: it takes the history of a container and the diagnosis of it, and returns a
// value. What each row needed comes from diagnosis.Needs, with which the verdict budget
// reckons too. Three questions are answered:
//
//   - what limit the present settings need, and what breaks it first;
//   - which settings fit a limit, the present one or another;
//   - what is wasted.
//
// The heap is sized by what survives its collections and by the time that these take, not by
// how large it grew. A row that leaks has no size: the leak comes first. What is not known is
// not guessed: Missing says what has to be seen first.
package sizing
