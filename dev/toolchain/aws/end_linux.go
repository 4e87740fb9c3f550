package main

import (
	"os/exec"
	"syscall"
)

const terminate = syscall.SIGTERM

// endWithParent ends the real provider when Terraform kills this one.
func endWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
