package process

var groupFunctions = family{}
