package e2e

// Story is exported for its test: a machine's failure seen as success would make every story of a virtual machine worthless.
var Story = story

// Cached is exported so that make test-hosts can make a root by a test alone.
var Cached = cached
