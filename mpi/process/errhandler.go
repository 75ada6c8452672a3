package process

var errorFunctions = family{}
