package process

var collectiveFunctions = family{}
