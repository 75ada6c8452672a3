package process

var operationFunctions = family{}
