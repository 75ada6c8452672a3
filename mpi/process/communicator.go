package process

var communicatorFunctions = family{}
