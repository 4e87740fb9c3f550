//go:build !linux

package main

import (
	"os/exec"
	"syscall"
)

const terminate = syscall.SIGTERM

// endWithParent does nothing: only Linux can tie a process to its parent.
func endWithParent(*exec.Cmd) {}
