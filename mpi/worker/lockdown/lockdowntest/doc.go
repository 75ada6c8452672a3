// Package lockdowntest tries what a process must not be able to do once package lockdown has locked
// it down. It is for tests only.
package lockdowntest
