double solve(double *x, int n, int *steps);
