// exp and ln, the same to the last bit on every machine: a simulated schedule is part of a result's
// identity, and the C libraries' versions differ. (They also bring 10 KB of tables.)
//
// Thread: any.
#pragma once

namespace chimera {

// e^x, within 4e-16 of the true value (relative); 0 below -708, infinity above 709.
double exponential(double x);
// The natural logarithm of a positive, normal x, within 4e-16 (relative, or absolute near 1).
double natural_log(double x);

}  // namespace chimera
