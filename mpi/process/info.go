package process

var infoFunctions = family{}
